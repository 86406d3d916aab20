"""Sites: websites whose events are counted."""

import secrets
import uuid
from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models.columns import choices_of, retention_months
from accounts.models.teams import Team
from accounts.types import VisitorIds
from accounts.validators import (
    MAX_DOMAIN_CHARACTERS,
    clean_domain,
    validate_currency,
    validate_domain,
    validate_timezone,
)
from analytics_project import clock

OLD_DOMAIN_GRACE: Final = timedelta(hours=72)


def make_public_id() -> str:
    """Return a new public id of a site: `ds_` and 24 hex digits. No domain can look like it (underscore)."""
    return f"ds_{secrets.token_hex(12)}"


def make_caller_id_secret() -> bytes:
    """Return a new secret under which a site's callers' own visitor ids are hashed, for ever."""
    return secrets.token_bytes(32)


class Site(models.Model):
    """A website whose events are counted. Its number is never used again and fits the event store's UInt32.

    After a change of domain the previous one goes on to name the site for 72 hours (event contract 1.7).
    """

    id = models.AutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="sites")
    domain = models.CharField(max_length=MAX_DOMAIN_CHARACTERS, unique=True, validators=[validate_domain])
    public_id = models.CharField(max_length=40, unique=True, default=make_public_id, editable=False)
    timezone = models.CharField("time zone", max_length=64, default="Etc/UTC", validators=[validate_timezone])
    timezone_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    currency = models.CharField("reporting currency", max_length=3, default="USD", validators=[validate_currency])
    previous_domain = models.CharField(max_length=MAX_DOMAIN_CHARACTERS, blank=True, db_index=True, editable=False)
    domain_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    stats_reset_at = models.DateTimeField(
        "statistics reset at", null=True, blank=True, help_text="Events before this instant do not count."
    )
    ingest_rate_threshold = models.PositiveIntegerField(
        "events per window", null=True, blank=True, help_text="Empty: no limit. 0: no event is taken."
    )
    ingest_rate_window_s = models.PositiveIntegerField(
        "window in seconds", default=60, validators=[MinValueValidator(1)]
    )
    visitor_ids = models.CharField(max_length=10, choices=choices_of(VisitorIds), default=VisitorIds.DAILY.value)
    caller_id_secret = models.BinaryField(max_length=32, default=make_caller_id_secret, editable=False)
    retention_months = retention_months("Months for which statistics are kept. Empty: as the plan of the team says.")
    imports = models.JSONField(
        default=list,
        editable=False,
        help_text="Completed imports of daily totals: number, first and last date, whether with scroll depth.",
    )
    is_sample = models.BooleanField("sample", default=False, help_text="Holds made-up traffic.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ingest_rate_window_s__gte=1), name="site_rate_window_positive"),
        ]

    def __str__(self) -> str:
        return self.domain

    def clean(self) -> None:
        try:
            self.domain = clean_domain(self.domain)
        except ValidationError as problem:
            raise ValidationError({"domain": problem}) from problem
        taken = Site.objects.filter(previous_domain=self.domain, domain_changed_at__gt=clock.now() - OLD_DOMAIN_GRACE)
        if taken.exclude(pk=self.pk).exists() or _names_team(self.domain):
            raise ValidationError({"domain": "has already been taken"})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.domain = clean_domain(self.domain)
        stored = Site.objects.filter(pk=self.pk).values_list("timezone", flat=True).first()
        if stored not in {None, self.timezone}:
            self.timezone_changed_at = clock.now()
        imports = self.imports
        if stored is not None:  # an import may have ended since this record was read; only its service writes it
            self.imports = F("imports")
        try:
            super().save(*args, **kwargs)
        finally:
            self.imports = imports


def _names_team(domain: str) -> bool:
    """Tell whether a domain is the id of a team, which names its sites together."""
    try:
        return Team.objects.filter(identifier=uuid.UUID(domain)).exists()
    except ValueError:
        return False
