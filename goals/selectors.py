"""Reads of goals, as plain values."""

from django.conf import settings

from accounts.types import SiteId, SiteRef
from goals.models import Goal
from goals.types import GoalSpec


def goal_specs(site: SiteRef) -> tuple[GoalSpec, ...]:
    """Return the site's goals, newest first, at most MAX_GOALS_PER_SITE of them (Stats API contract, section 0)."""
    goals = Goal.objects.filter(site_id=site.id).order_by("-pk")[: settings.MAX_GOALS_PER_SITE]
    return tuple(_spec(goal) for goal in goals)


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


def revenue_goals(site_id: SiteId) -> dict[str, str]:
    """Return the currency that each event name's revenue goal reports in; of several, the oldest goal's."""
    rows = (
        Goal.objects.filter(site_id=site_id).exclude(currency="").order_by("-pk").values_list("event_name", "currency")
    )
    return dict(rows)
