from hashlib import sha256

from django.db.models import OuterRef, Q, Subquery
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import ListAPIView
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import IsAuthenticated

from .models import App, Collaborator, Release, Token
from .serializers import AppSerializer


class HashedTokenAuthentication(TokenAuthentication):
    """The ledger keeps the SHA-256 of a token."""

    def authenticate_credentials(self, key):
        try:
            token = Token.objects.select_related("user").get(hash=sha256(key.encode()).digest(), user__is_active=True)
        except Token.DoesNotExist:
            raise AuthenticationFailed("Invalid token.")
        return token.user, token


class AppPagination(LimitOffsetPagination):
    default_limit = 100
    max_limit = 10_000


class AppList(ListAPIView):
    authentication_classes = [HashedTokenAuthentication]
    permission_classes = [IsAuthenticated]
    pagination_class = AppPagination
    serializer_class = AppSerializer

    def get_queryset(self):
        user = self.request.user
        last = Release.objects.filter(app=OuterRef("pk"), build__isnull=False).exclude(state="failed").order_by("-version")
        apps = App.objects.annotate(procfile_structure=Subquery(last.values("build__procfile")[:1])).order_by("id")
        if user.is_superuser:
            return apps
        shared = Collaborator.objects.filter(user=user)
        return apps.filter(Q(owner=user) | Q(pk__in=shared.values("app")))
