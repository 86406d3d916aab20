"""Keys of people and tokens of plugins, of which only hashes are kept."""

import uuid

from django.db import models

from accounts.models.people import User
from accounts.models.sites import Site
from accounts.models.teams import Team
from accounts.validators import validate_scopes
from analytics_project import clock


class ApiKey(models.Model):
    """A key of a person, for one team or, without one, for whatever they reach. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=200)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=6, editable=False)
    scopes = models.JSONField(default=list, validators=[validate_scopes])
    is_read_only = models.BooleanField("read-only", default=False, help_text="Refused wherever something is written.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    replaced_by = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="replaces"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    team_hourly_limit: int | None = None  # no column: `selectors.key_for` reads it along

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def state(self) -> str:
        """Return in a word whether the key may be used, as people read it."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= clock.now():
            return "expired"
        return "usable" if self.replaced_by_id is None else "rotated, usable"


class PluginsToken(models.Model):
    """A token with which a plugin works on one site. Only its hash and last four characters are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="plugins_tokens")
    description = models.CharField(max_length=200)
    hash = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=4, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.description} (…{self.hint})"
