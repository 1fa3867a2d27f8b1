from datetime import UTC, datetime

from rest_framework import serializers

from .models import App


class MomentField(serializers.Field):
    """Milliseconds since 1970, in whole seconds."""

    def to_representation(self, value):
        return datetime.fromtimestamp(value // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class AppSerializer(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner_id")
    procfile_structure = serializers.JSONField()
    created = MomentField()
    updated = MomentField()

    class Meta:
        model = App
        fields = ["uuid", "id", "owner", "structure", "procfile_structure", "created", "updated"]
