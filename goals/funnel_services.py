"""Writes of funnels (Plugins API contract, section 9)."""

from collections.abc import Collection, Sequence

from django.db import transaction

from accounts.records import Who, write_audit
from accounts.types import Feature, SiteRef
from accounts.validators import is_storable
from analytics_project.errors import InvalidFields
from goals.models import MAX_FUNNEL_NAME_CHARACTERS, Funnel, FunnelStep
from goals.selectors import funnel_fields, funnels_listed
from goals.services import BLANK, NewGoal, provide_goals, require_feature
from goals.types import FunnelFields


@transaction.atomic
def provide_funnel(
    site: SiteRef, name: str, steps: Sequence[NewGoal], features: Collection[Feature], *, who: Who | None = None
) -> FunnelFields:
    """Return the site's funnel of exactly this name, made of two to eight goals if there is none.

    The goals are found or made in any case, and stay; the steps of a funnel that exists do not change. Only making a
    funnel needs the feature. Raises: as `provide_goal`; InvalidFields for a bad name and for two steps that are one
    goal; PaymentRequired. After any of them nothing is left behind.
    """
    _check_name(name)
    goals = provide_goals(site, steps, features, who=who)  # locks the site
    if len({goal.id for goal in goals}) < len(goals):
        raise InvalidFields({"steps": ["must be different goals"]})
    funnel = Funnel.objects.filter(site_id=site.id, name=name).first()
    if funnel is None:
        require_feature(features, Feature.FUNNELS)
        funnel = Funnel.objects.create(site_id=site.id, name=name)
        FunnelStep.objects.bulk_create(
            FunnelStep(funnel=funnel, goal_id=goal.id, position=position)
            for position, goal in enumerate(goals, start=1)
        )
        write_audit(who, "funnel.create", f"{site.domain}: {name}")
    return funnel_fields(funnels_listed(site.id).get(pk=funnel.pk))


def _check_name(name: str) -> None:
    if not name.strip() or not is_storable(name):
        raise InvalidFields({"name": [BLANK if not name.strip() else "is invalid"]})
    if len(name) > MAX_FUNNEL_NAME_CHARACTERS:
        raise InvalidFields({"name": [f"should be at most {MAX_FUNNEL_NAME_CHARACTERS} characters"]})
