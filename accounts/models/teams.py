"""Teams and the plans that say what they may use."""

import uuid

from django.db import models
from django.db.models import Q

from accounts.models.columns import retention_months
from accounts.models.people import User
from accounts.types import Feature
from accounts.validators import validate_features
from analytics_project import clock


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
    retention_months = retention_months("Months for which statistics are kept. Empty: for ever.")
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
