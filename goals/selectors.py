"""Reads of goals, as plain values; and the end of what holds for a day only."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet

from accounts.types import SiteId, SiteRef
from goals.models import AllowedProps, CompletionRequest, Funnel, FunnelStep, Goal
from goals.types import NO_SCROLL_THRESHOLD, FunnelFields, GoalFields, GoalKind, GoalSpec


def goal_specs(site: SiteRef) -> tuple[GoalSpec, ...]:
    """Return the site's goals, newest first, at most MAX_GOALS_PER_SITE of them (Stats API contract, section 0)."""
    goals = Goal.objects.filter(site_id=site.id).order_by("-pk")[: settings.MAX_GOALS_PER_SITE]
    return tuple(_spec(goal) for goal in goals)


def goal_bearing(site: SiteRef, name: str) -> GoalSpec | None:
    """Return the site's goal of this display name, else that of an event of this name and no properties, else None.

    Goals beyond MAX_GOALS_PER_SITE, which no report looks at, are found too.
    """
    of_site = Goal.objects.filter(site_id=site.id)
    goal = of_site.filter(display_name=name).first() or of_site.filter(event_name=name, custom_props={}).first()
    return None if goal is None else _spec(goal)


def _spec(goal: Goal) -> GoalSpec:
    return GoalSpec(
        id=goal.pk,
        display_name=goal.display_name,
        kind=goal.kind,
        event_name=goal.event_name,
        page_path=goal.page_path,
        scroll_threshold=goal.scroll_threshold,
        custom_props=tuple(sorted(goal.custom_props.items())),
        currency=goal.currency,
    )


def forget_completion_requests(before: datetime) -> int:
    """Delete the Idempotency-Keys of completions that were taken before an instant; return how many there were."""
    deleted, _ = CompletionRequest.objects.filter(taken_at__lt=before).delete()
    return deleted


def revenue_goals(site_id: SiteId) -> dict[str, str]:
    """Return the currency that each event name's revenue goal reports in; of several, the oldest goal's."""
    rows = (
        Goal.objects.filter(site_id=site_id).exclude(currency="").order_by("-pk").values_list("event_name", "currency")
    )
    return dict(rows)


def goals_listed(site_id: SiteId) -> QuerySet[Goal, Any]:
    """Return the site's goals for a list that is read page by page."""
    return Goal.objects.filter(site_id=site_id)


def is_of_kind(kind: GoalKind) -> Q:
    """Return the condition under which a goal is of this kind, as `Goal.kind` tells it."""
    if kind is GoalKind.EVENT:
        return ~Q(event_name="")
    reads_on = Q(scroll_threshold=NO_SCROLL_THRESHOLD)
    return Q(event_name="") & (reads_on if kind is GoalKind.PAGE else ~reads_on)


def goal_of(site_id: SiteId, goal_id: int) -> GoalFields | None:
    """Return the site's goal of this number, a valid one of 64 bits; None when it has none."""
    goal = Goal.objects.filter(site_id=site_id, pk=goal_id).first()
    return None if goal is None else goal_fields(goal)


def goal_fields(goal: Goal) -> GoalFields:
    """Return a goal as APIs show it."""
    return GoalFields(
        id=goal.pk,
        display_name=goal.display_name,
        kind=goal.kind,
        event_name=goal.event_name,
        page_path=goal.page_path,
        currency=goal.currency,
        custom_props=goal.custom_props,
    )


def allowed_props(site_id: SiteId) -> list[str] | None:
    """Return the custom properties that the site's reports show, latest enabled first; None: never chosen, so all."""
    return AllowedProps.objects.filter(site_id=site_id).values_list("names", flat=True).first()


def funnels_listed(site_id: SiteId) -> QuerySet[Funnel, Any]:
    """Return the site's funnels, their steps and goals loaded, for a list that is read page by page."""
    steps = FunnelStep.objects.select_related("goal").order_by("position")
    return Funnel.objects.filter(site_id=site_id).prefetch_related(Prefetch("steps", queryset=steps))


def funnel_of(site_id: SiteId, funnel_id: int) -> FunnelFields | None:
    """Return the site's funnel of this number, a valid one of 64 bits; None when it has none."""
    funnel = funnels_listed(site_id).filter(pk=funnel_id).first()
    return None if funnel is None else funnel_fields(funnel)


def funnel_named(site_id: SiteId, name: str) -> FunnelFields | None:
    """Return the site's funnel of exactly this name, a storable text; None when it has none."""
    funnel = funnels_listed(site_id).filter(name=name).first()
    return None if funnel is None else funnel_fields(funnel)


def funnel_fields(funnel: Funnel) -> FunnelFields:
    """Return a funnel that `funnels_listed` found as APIs show it."""
    return FunnelFields(funnel.pk, funnel.name, tuple(goal_fields(step.goal) for step in funnel.steps.all()))
