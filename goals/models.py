"""Goals of sites. The database decides what is twice the same, by digests, since paths have no short limit."""

import hashlib
import json
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.signals import post_delete, post_save

from accounts.models import Site, mark_intake_change
from accounts.validators import is_storable, validate_currency
from goals.types import (
    MAX_CUSTOM_PROPS,
    MAX_PROP_NAME_CHARACTERS,
    MAX_PROP_VALUE_CHARACTERS,
    MIN_FUNNEL_STEPS,
    NO_SCROLL_THRESHOLD,
    GoalKind,
)

MAX_EVENT_NAME_CHARACTERS: Final = 120
MAX_ALLOWED_PROPS: Final = 300
MAX_FUNNEL_NAME_CHARACTERS: Final = 255
RESERVED_EVENT_NAME: Final = "engagement"


def validate_custom_props(value: object) -> None:
    """Refuse anything but an object of up to three texts, names of 1 to 300 and values of 1 to 2000 characters."""
    if not isinstance(value, dict):
        raise ValidationError("must be an object of texts")
    if len(value) > MAX_CUSTOM_PROPS:
        raise ValidationError(f"may hold at most {MAX_CUSTOM_PROPS} properties")
    for name, text in value.items():
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_PROP_VALUE_CHARACTERS:
            raise ValidationError(f"values must be texts of 1 to {MAX_PROP_VALUE_CHARACTERS} characters")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_PROP_NAME_CHARACTERS:
            raise ValidationError(f"names must have 1 to {MAX_PROP_NAME_CHARACTERS} characters")
        if not is_storable(name + text):
            raise ValidationError("names and values must be valid Unicode without null characters")


def validate_allowed_props(value: object) -> None:
    """Refuse anything but a list of at most 300 different names of 1 to 300 characters."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValidationError("must be a list of names")
    if len(value) > MAX_ALLOWED_PROPS or len(set(value)) < len(value):
        raise ValidationError(f"may hold at most {MAX_ALLOWED_PROPS} names, each once")
    if not all(is_storable(name) and 1 <= len(name.strip()) <= MAX_PROP_NAME_CHARACTERS for name in value):
        raise ValidationError(f"names must have 1 to {MAX_PROP_NAME_CHARACTERS} characters")


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Goal(models.Model):
    """What counts as success on a site: an event of a name, a view of a path, or a path read down to a depth.

    Unique per site are the display name, and what the goal looks at: event name and properties, or path, threshold and
    properties; the currency is no part of that (Plugins API contract 6.3).
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="goals")
    display_name = models.TextField(blank=True, help_text="Empty: the event's name, or “Visit” and the path.")
    event_name = models.CharField(max_length=MAX_EVENT_NAME_CHARACTERS, blank=True)
    page_path = models.TextField(blank=True, help_text="* and ** stand for any text, | separates alternatives.")
    scroll_threshold = models.SmallIntegerField(
        default=NO_SCROLL_THRESHOLD,
        validators=[MinValueValidator(NO_SCROLL_THRESHOLD), MaxValueValidator(100)],
        help_text="Percent of the page, only with a path; -1: none.",
    )
    custom_props = models.JSONField("custom properties", default=dict, blank=True, validators=[validate_custom_props])
    currency = models.CharField(
        max_length=3, blank=True, validators=[validate_currency], help_text="Of an event goal that counts revenue."
    )
    display_name_digest = models.CharField(max_length=64, editable=False)
    identity_digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "display_name_digest"], name="goal_display_name_once"),
            models.UniqueConstraint(fields=["site", "identity_digest"], name="goal_identity_once"),
            models.CheckConstraint(
                condition=Q(~Q(event_name=""), page_path="") | Q(~Q(page_path=""), event_name=""),
                name="goal_event_or_page",
            ),
            models.CheckConstraint(
                condition=Q(scroll_threshold=NO_SCROLL_THRESHOLD)
                | Q(~Q(page_path=""), scroll_threshold__gte=0, scroll_threshold__lte=100),
                name="goal_scroll_threshold_of_a_page",
            ),
            models.CheckConstraint(condition=Q(currency="") | ~Q(event_name=""), name="goal_currency_of_an_event"),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def kind(self) -> GoalKind:
        """Return which of the three kinds this goal is."""
        if self.event_name:
            return GoalKind.EVENT
        return GoalKind.PAGE if self.scroll_threshold == NO_SCROLL_THRESHOLD else GoalKind.SCROLL

    def normalise(self) -> None:
        """Bring the goal into its stored form: trimmed, path with its slash, default name, digests.

        Source: Plugins API contract 6.2; property names and values stay as they are.
        """
        self.custom_props = self.custom_props or {}
        self.event_name = self.event_name.strip()
        self.page_path = self.page_path.strip()
        if self.page_path and not self.page_path.startswith("/"):
            self.page_path = f"/{self.page_path}"
        self.display_name = self.display_name.strip() or self.event_name or f"Visit {self.page_path}"
        self.display_name_digest = _digest(self.display_name)
        self.identity_digest = _digest(self.event_name, self.page_path, self.scroll_threshold, self.custom_props)

    def clean(self) -> None:
        self.normalise()
        if bool(self.event_name) == bool(self.page_path):
            raise ValidationError("give either an event name or a page path")
        if self.event_name == RESERVED_EVENT_NAME:
            raise ValidationError({"event_name": f"{RESERVED_EVENT_NAME!r} is reserved"})
        if self.event_name and self.scroll_threshold != NO_SCROLL_THRESHOLD:
            raise ValidationError({"scroll_threshold": "is for page goals only"})
        if self.page_path and self.currency:
            raise ValidationError({"currency": "is for event goals only"})
        others = Goal.objects.filter(site_id=self.site_id).exclude(pk=self.pk)
        if others.filter(identity_digest=self.identity_digest).exists():
            raise ValidationError({"page_path" if self.page_path else "event_name": "has already been taken"})
        if others.filter(display_name_digest=self.display_name_digest).exists():
            raise ValidationError({"display_name": "has already been taken"})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.normalise()
        super().save(*args, **kwargs)


class CompletionRequest(models.Model):
    """A request for a completion under an Idempotency-Key, so that it counts once (revenue contract, 1.8).

    The database decides which of several at once was the first. It holds for a day from `taken_at` on.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="completion_requests")
    key_digest = models.CharField(max_length=64)
    body_digest = models.CharField(max_length=64)
    taken_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "key_digest"], name="completion_request_once")]

    def __str__(self) -> str:
        return self.key_digest


class AllowedProps(models.Model):
    """The custom properties that a site's reports show, latest enabled first.

    A site without this record never chose any, which admits all; an empty list admits none.
    """

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="allowed_props")
    names = models.JSONField(default=list, blank=True, validators=[validate_allowed_props])
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "allowed properties"

    def __str__(self) -> str:
        return f"{len(self.names)} of {self.site}"


class Funnel(models.Model):
    """A way to success: goals of a site that visitors are to reach in order. The name is unique per site, as written.

    It has two to eight steps. A goal that is deleted takes its step along, and the last but one step the whole funnel.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="funnels")
    name = models.CharField(max_length=MAX_FUNNEL_NAME_CHARACTERS)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="funnel_name_once_per_site")]

    def __str__(self) -> str:
        return self.name


class FunnelStep(models.Model):
    """A goal's place in a funnel; positions rise, with gaps where goals were deleted."""

    funnel = models.ForeignKey(Funnel, on_delete=models.CASCADE, related_name="steps")
    goal = models.ForeignKey(Goal, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["funnel", "position"], name="funnel_step_position_once"),
            models.UniqueConstraint(fields=["funnel", "goal"], name="funnel_step_goal_once"),
        ]

    def __str__(self) -> str:
        return f"{self.funnel} {self.position}: {self.goal}"


def _delete_short_funnel(instance: FunnelStep, **_signal: object) -> None:
    """Delete the funnel of a deleted step when fewer than two are left, whichever way the step went.

    The funnel is locked, so that of two goals deleted at once the second sees what the first took.
    """
    funnel = Funnel.objects.select_for_update().filter(pk=instance.funnel_id).first()
    if funnel is not None and funnel.steps.count() < MIN_FUNNEL_STEPS:
        funnel.delete()


post_delete.connect(_delete_short_funnel, sender=FunnelStep, dispatch_uid="short_funnel")
for _signal in (post_save, post_delete):
    _signal.connect(mark_intake_change, sender=Goal, dispatch_uid="intake_change_Goal")
