from django.urls import path

from .views import AppList

urlpatterns = [path("v2/apps/", AppList.as_view())]
