from django.db import models


class User(models.Model):
    username = models.TextField(primary_key=True)
    is_superuser = models.BooleanField()
    is_active = models.BooleanField()
    is_authenticated = True

    class Meta:
        managed = False
        db_table = "users"


class Token(models.Model):
    hash = models.BinaryField(primary_key=True)
    user = models.ForeignKey(User, models.DO_NOTHING, db_column="username")

    class Meta:
        managed = False
        db_table = "tokens"


class App(models.Model):
    id = models.TextField(primary_key=True)
    uuid = models.UUIDField()
    owner = models.ForeignKey(User, models.DO_NOTHING, db_column="owner")
    structure = models.JSONField()
    created = models.BigIntegerField()
    updated = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "apps"


class Collaborator(models.Model):
    pk = models.CompositePrimaryKey("app_id", "user_id")
    app = models.ForeignKey(App, models.DO_NOTHING, db_column="app")
    user = models.ForeignKey(User, models.DO_NOTHING, db_column="username")

    class Meta:
        managed = False
        db_table = "collaborators"


class Build(models.Model):
    uuid = models.UUIDField(primary_key=True)
    procfile = models.JSONField()

    class Meta:
        managed = False
        db_table = "builds"


class Release(models.Model):
    uuid = models.UUIDField(primary_key=True)
    app = models.ForeignKey(App, models.DO_NOTHING, db_column="app")
    version = models.BigIntegerField()
    state = models.TextField()
    build = models.ForeignKey(Build, models.DO_NOTHING, db_column="build", null=True)

    class Meta:
        managed = False
        db_table = "releases"
