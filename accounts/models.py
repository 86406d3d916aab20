"""Records of people, teams, plans, sites, keys and tokens.

Uniqueness and relations are decided by the database; `clean` adds what a form needs to say it in words. Every saved or
deleted row that intake depends on moves the change mark (`mark_intake_change`), which the serving process polls.
"""

import secrets
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.db.models.signals import post_delete, post_save

from accounts.types import Feature, GuestRole, Role, ShieldKind, VisitorIds
from accounts.validators import (
    MAX_DOMAIN_CHARACTERS,
    MAX_SHIELD_CHARACTERS,
    SHIELD_RULES_PER_KIND,
    clean_domain,
    clean_shield_value,
    validate_currency,
    validate_domain,
    validate_features,
    validate_scopes,
    validate_timezone,
)
from analytics_project import clock

OLD_DOMAIN_GRACE: Final = timedelta(hours=72)
INVITATION_LIFE: Final = timedelta(hours=48)
SLUG_CHARACTERS: Final = 21
MAX_LINK_NAME_CHARACTERS: Final = 255


def _choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(str(value), str(value).replace("_", " ")) for value in values]


def _retention_months(help_text: str) -> "models.PositiveSmallIntegerField[int | None, int | None]":
    return models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1200)], help_text=help_text
    )


def make_public_id() -> str:
    """Return a new public id of a site: `ds_` and 24 hex digits. No domain can look like it (underscore)."""
    return f"ds_{secrets.token_hex(12)}"


def make_slug() -> str:
    """Return 21 random characters of `A–Z a–z 0–9 _ -`, for addresses that nobody can guess."""
    return secrets.token_urlsafe(16)[:SLUG_CHARACTERS]


def make_caller_id_secret() -> bytes:
    """Return a new secret under which a site's callers' own visitor ids are hashed, for ever."""
    return secrets.token_bytes(32)


class UserManager(BaseUserManager["User"]):
    """Makes and finds people by e-mail address, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a new person; without a password they cannot log in until one is set."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a new person who may do everything in the admin."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who logs in by e-mail address. Stored in lower case, so unique whatever the case."""

    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField("active", default=True, help_text="Inactive people and their keys are refused.")
    is_staff = models.BooleanField("staff", default=False, help_text="May log in to this admin.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_any_case")]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)


class Plan(models.Model):
    """Features and limits as data; a limit of None is no limit. Teams without a choice of their own get the default."""

    name = models.SlugField(max_length=60, unique=True)
    features = models.JSONField(default=list, blank=True, validators=[validate_features])
    max_sites = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")
    max_members = models.PositiveIntegerField(null=True, blank=True, help_text="Besides the owner. Empty: no limit.")
    hourly_limit = models.PositiveIntegerField("API requests per hour", default=1_000_000)
    trial_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="A trial of so many days, from a team's first site on. Empty: no trial."
    )
    retention_months = _retention_months("Months for which statistics are kept. Empty: for ever.")
    is_default = models.BooleanField("default plan", default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="plan_one_default"),
        ]

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    """People who share sites and a plan."""

    identifier = models.UUIDField("public id", default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="teams")
    feature_override = models.JSONField(
        "features instead of the plan's",
        null=True,
        blank=True,
        default=None,
        validators=[validate_features],
        help_text='A list such as ["props", "stats_api"]; empty: those of the plan.',
    )
    hourly_limit_override = models.PositiveIntegerField(
        "API requests per hour instead of the plan's", null=True, blank=True
    )
    accept_traffic_until = models.DateField(
        null=True, blank=True, help_text="Last day on which events are taken. Empty: no end."
    )
    is_setup_complete = models.BooleanField(
        "set up", default=True, help_text="Not set up: the personal team of its owner, who has no name for it yet."
    )
    trial_ends_on = models.DateField(null=True, blank=True, help_text="Last day of the trial, where the plan is one.")
    is_locked = models.BooleanField("locked", default=False, help_text="Its APIs answer 402; events are still taken.")
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name

    @property
    def features(self) -> frozenset[Feature]:
        """Return what the team may use; goals are in every state (key contract, section 8)."""
        names = self.plan.features if self.feature_override is None else self.feature_override
        if self.is_trial_over:
            names = []
        return frozenset({Feature.GOALS, *(Feature(name) for name in names)})

    @property
    def is_trial_over(self) -> bool:
        """Tell whether the team's plan is a trial whose last day has passed (UTC)."""
        ends_on = self.trial_ends_on if self.plan.trial_days is not None else None
        return ends_on is not None and ends_on < clock.now().date()

    @property
    def is_refused(self) -> bool:
        """Tell whether the team's APIs answer 402: locked by hand, or its trial is over."""
        return self.is_locked or self.is_trial_over

    @property
    def hourly_limit(self) -> int:
        """Return how many API requests an hour the team's keys may make together."""
        return self.plan.hourly_limit if self.hourly_limit_override is None else self.hourly_limit_override


class Membership(models.Model):
    """A person's one role in a team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=_choices(Role))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="membership_one_role_per_team")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.team}"


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
    visitor_ids = models.CharField(max_length=10, choices=_choices(VisitorIds), default=VisitorIds.DAILY.value)
    caller_id_secret = models.BinaryField(max_length=32, default=make_caller_id_secret, editable=False)
    retention_months = _retention_months("Months for which statistics are kept. Empty: as the plan of the team says.")
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


class GuestMembership(models.Model):
    """A person's role on a single site of a team that they are not a member of."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="guests")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="guest_memberships")
    role = models.CharField(max_length=10, choices=_choices(GuestRole))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "user"], name="guest_one_role_per_site")]

    def __str__(self) -> str:
        return f"{self.user} is guest {self.role} of {self.site}"


class Invitation(models.Model):
    """An offer, sent by e-mail, that stands for 48 hours. Only the hash of its token is kept."""

    email = models.EmailField("e-mail address")
    hash = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        abstract = True


class GuestInvitation(Invitation):
    """An offer to become a guest of a site."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="guest_invitations")
    role = models.CharField(max_length=10, choices=_choices(GuestRole))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "email"], name="guest_invitation_once_per_site")]

    def __str__(self) -> str:
        return f"{self.email} is invited to {self.site} as {self.role}"


class TeamInvitation(Invitation):
    """An offer to become a member of a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=_choices(Role))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "email"], name="team_invitation_once_per_team")]

    def __str__(self) -> str:
        return f"{self.email} is invited to {self.team} as {self.role}"


class SharedLink(models.Model):
    """A link under which everybody who has it may see a site's statistics. The name is unique per site, as written.

    Its slug opens the Stats API too, as a bearer's key; with a password behind a colon where it has one.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shared_links")
    name = models.CharField(max_length=MAX_LINK_NAME_CHARACTERS)
    slug = models.CharField(max_length=SLUG_CHARACTERS, unique=True, default=make_slug, editable=False)
    password_hash = models.CharField(max_length=128, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="shared_link_name_once_per_site")]

    def __str__(self) -> str:
        return self.name


class ShieldRule(models.Model):
    """One rule of a site's traffic shields (event contract 2.8)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shield_rules")
    kind = models.CharField(max_length=10, choices=_choices(ShieldKind))
    value = models.CharField(max_length=MAX_SHIELD_CHARACTERS)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "kind", "value"], name="shield_rule_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def clean(self) -> None:
        try:
            self.value = clean_shield_value(self.kind, self.value)
        except ValidationError as problem:
            raise ValidationError({"value": problem}) from problem
        others = ShieldRule.objects.filter(site_id=self.site_id, kind=self.kind).exclude(pk=self.pk)
        if others.count() >= SHIELD_RULES_PER_KIND:
            raise ValidationError({"value": f"a site may have at most {SHIELD_RULES_PER_KIND} {self.kind} rules"})


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


class AuditEntry(models.Model):
    """Who did what to which record, and with which key; or which plugin did. All are empty for the command line."""

    who = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_entries")
    key = models.ForeignKey("ApiKey", on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_entries")
    token = models.ForeignKey(
        "PluginsToken", on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_entries"
    )
    action = models.CharField(max_length=60, db_index=True)
    target = models.CharField(max_length=300)
    at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action}: {self.target}"


class ChangeMark(models.Model):
    """One row with a number that moves, in the same transaction, whenever something that intake depends on changes."""

    number = models.BigIntegerField(default=1)


def mark_intake_change(**_signal: object) -> None:
    """Move the change mark; connected to every record that intake's picture of a site is made of."""
    if not ChangeMark.objects.filter(pk=1).update(number=F("number") + 1):
        ChangeMark.objects.get_or_create(pk=1)


for _record in (Site, ShieldRule, Team):
    for _signal in (post_save, post_delete):
        _signal.connect(mark_intake_change, sender=_record, dispatch_uid=f"intake_change_{_record.__name__}")
