"""Writes of goals: found or created by one set of rules, whichever API, switch or page asks for them.

Source: Plugins API contract, section 6; Sites API contract, section 4.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.records import Who, lock_site, write_audit
from accounts.types import Feature, SiteRef
from accounts.validators import is_storable, validate_currency
from analytics_project.errors import InvalidFields, PaymentRequired
from goals.models import MAX_EVENT_NAME_CHARACTERS, RESERVED_EVENT_NAME, Goal, validate_custom_props
from goals.selectors import goal_fields
from goals.types import NO_SCROLL_THRESHOLD, GoalFields

_FEATURE_NAMES = {
    Feature.REVENUE_GOALS: "Revenue Goals",
    Feature.PROPS: "Custom Properties",
    Feature.FUNNELS: "Funnels",
    Feature.SHARED_LINKS: "Shared Links",
}
BLANK = "can't be blank"
LARGEST_GOAL_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NewGoal:
    """A goal that somebody wants: of an event name or of a page path, as sent; an empty display name is generated."""

    event_name: str = ""
    page_path: str = ""
    is_page: bool = False
    display_name: str = ""
    scroll_threshold: int = NO_SCROLL_THRESHOLD
    currency: str = ""
    custom_props: dict[str, str] = field(default_factory=dict)


def require_feature(features: Collection[Feature], feature: Feature) -> None:
    """Raise PaymentRequired, in the words that existing clients know, unless the plan has the feature."""
    if feature not in features:
        raise PaymentRequired(
            f"{_FEATURE_NAMES[feature]} is part of the Plausible Business plan. "
            "To get access to this feature, please upgrade your account."
        )


@transaction.atomic
def provide_goal(
    site: SiteRef, wanted: NewGoal, features: Collection[Feature], *, who: Who | None = None
) -> GoalFields:
    """Return the site's goal of this configuration, made if there is none; an existing one stays as it is.

    In this order: PaymentRequired for a currency or properties that the plan lacks; InvalidFields, messages by field,
    at the limit of goals and for a value that breaks a rule, for another currency of the same event, and for a display
    name that an unrelated goal bears.
    """
    _check_plan(wanted, features)
    lock_site(site)
    goal = _normalised(site, wanted)
    found = _same_goal(goal)
    is_full = found is None and _is_full(site)
    if is_full and not _is_known(goal):
        raise _limit_reached()
    _check_values(goal)
    if found is None:
        _check_currency(goal)
        found = _bearer_of_name(goal)
    elif wanted.currency and found.currency != wanted.currency:
        raise _currency_taken(found)
    if found is not None:
        return goal_fields(found)
    if is_full:
        raise _limit_reached()
    try:
        with transaction.atomic():
            goal.save()
    except IntegrityError as problem:  # made meanwhile by somebody who takes no lock, such as the admin
        found = _same_goal(goal)
        if found is None:
            raise InvalidFields({"display_name": ["has already been taken"]}) from problem
        return goal_fields(found)
    write_audit(who, "goal.create", f"{site.domain}: {goal}")
    return goal_fields(goal)


@transaction.atomic
def provide_goals(
    site: SiteRef, wanted: Iterable[NewGoal], features: Collection[Feature], *, who: Who | None = None
) -> list[GoalFields]:
    """Return a goal for each one wanted, in their order, as `provide_goal` does; the first refusal undoes all."""
    return [provide_goal(site, one, features, who=who) for one in wanted]


def _check_plan(wanted: NewGoal, features: Collection[Feature]) -> None:
    if wanted.currency and _is_currency(wanted.currency):
        require_feature(features, Feature.REVENUE_GOALS)
    elif wanted.custom_props:
        require_feature(features, Feature.PROPS)


def _is_currency(code: str) -> bool:
    try:
        validate_currency(code)
    except ValidationError:
        return False
    return True


def _normalised(site: SiteRef, wanted: NewGoal) -> Goal:
    goal = Goal(
        site_id=site.id,
        display_name=wanted.display_name,
        event_name=wanted.event_name,
        page_path=wanted.page_path,
        scroll_threshold=wanted.scroll_threshold,
        currency=wanted.currency,
        custom_props=dict(wanted.custom_props),
    )
    for name in ("event_name", "page_path", "display_name"):
        if not is_storable(getattr(goal, name)):
            raise InvalidFields({name: ["is invalid"]})
    goal.normalise()
    if wanted.is_page and not goal.page_path:
        raise InvalidFields({"page_path": [BLANK]})
    if not wanted.is_page and not goal.event_name:
        raise InvalidFields({"event_name": [BLANK]})
    return goal


def _check_values(goal: Goal) -> None:
    errors: dict[str, list[str]] = {}
    if len(goal.event_name) > MAX_EVENT_NAME_CHARACTERS:
        errors["event_name"] = [f"should be at most {MAX_EVENT_NAME_CHARACTERS} characters"]
    elif goal.event_name == RESERVED_EVENT_NAME:
        errors["event_name"] = [f"{RESERVED_EVENT_NAME!r} is reserved"]
    if goal.currency and not _is_currency(goal.currency):
        errors["currency"] = ["is invalid"]
    if not NO_SCROLL_THRESHOLD <= goal.scroll_threshold <= 100:
        errors["scroll_threshold"] = [f"should be from {NO_SCROLL_THRESHOLD} to 100"]
    elif goal.event_name and goal.scroll_threshold != NO_SCROLL_THRESHOLD:
        errors["scroll_threshold"] = ["is for page goals only"]
    try:
        validate_custom_props(goal.custom_props)
    except ValidationError as problem:
        errors["custom_props"] = problem.messages
    if errors:
        raise InvalidFields(errors)


def _of_same_subject(goal: Goal) -> QuerySet[Goal]:
    """Return the site's goals of the same event name, or of the same path."""
    return Goal.objects.filter(site_id=goal.site_id, event_name=goal.event_name, page_path=goal.page_path)


def _same_goal(goal: Goal) -> Goal | None:
    return Goal.objects.filter(site_id=goal.site_id, identity_digest=goal.identity_digest).first()


def _is_full(site: SiteRef) -> bool:
    return Goal.objects.filter(site_id=site.id).count() >= settings.MAX_GOALS_PER_SITE


def _is_known(goal: Goal) -> bool:
    """Tell whether the site has a goal of this event name, or of this path and threshold, which may be the one."""
    known = _of_same_subject(goal)
    if goal.page_path:
        known = known.filter(scroll_threshold=goal.scroll_threshold)
    return known.exists()


def _limit_reached() -> InvalidFields:
    reached = ["Maximum number of goals reached"]
    return InvalidFields({"event_name": reached, "page_path": reached})


def _check_currency(goal: Goal) -> None:
    """Refuse a revenue goal of an event that has another currency, or none: an event has one."""
    if goal.currency:
        other = _of_same_subject(goal).exclude(currency=goal.currency).order_by("pk").first()
        if other is not None:
            raise _currency_taken(other)


def _currency_taken(goal: Goal) -> InvalidFields:
    return InvalidFields(
        {"event_name": [f"'{goal.event_name}' (with currency: {goal.currency}) has already been taken"]}
    )


def _bearer_of_name(goal: Goal) -> Goal | None:
    """Return the goal of the same event or path that bears the wanted display name, None when nobody does.

    Raises: InvalidFields when an unrelated goal bears it.
    """
    bearer = Goal.objects.filter(site_id=goal.site_id, display_name_digest=goal.display_name_digest).first()
    if bearer is not None and (bearer.event_name, bearer.page_path) != (goal.event_name, goal.page_path):
        raise InvalidFields({"display_name": ["has already been taken"]})
    return bearer


@transaction.atomic
def delete_goal(site: SiteRef, goal_id: int, *, who: Who | None = None) -> bool:
    """Delete a goal of the site; tell whether there was one of this number."""
    if not 0 < goal_id <= LARGEST_GOAL_ID:
        return False
    lock_site(site)
    goal = Goal.objects.select_for_update().filter(site_id=site.id, pk=goal_id).first()
    if goal is None:
        return False
    goal.delete()
    write_audit(who, "goal.delete", f"{site.domain}: {goal}")
    return True


@transaction.atomic
def delete_goals(site: SiteRef, goal_ids: Sequence[int], *, who: Who | None = None) -> None:
    """Delete goals of the site; numbers that it does not have are no error."""
    for goal_id in goal_ids:
        delete_goal(site, goal_id, who=who)


@transaction.atomic
def provide_goal_of_switch(site: SiteRef, event_name: str, *, who: Who | None = None) -> None:
    """Make the event goal that belongs to a switch of the tracker, unless there is one; skipped at the limit."""
    lock_site(site)
    goal = _normalised(site, NewGoal(event_name=event_name))
    if not _of_same_subject(goal).exists() and not _is_full(site) and _free_name(goal):
        goal.save()
        write_audit(who, "goal.create", f"{site.domain}: {goal}")


def _free_name(goal: Goal) -> bool:
    names = Goal.objects.filter(site_id=goal.site_id, display_name_digest=goal.display_name_digest)
    return not names.exists()


@transaction.atomic
def delete_goals_of_switch(site: SiteRef, event_name: str, *, who: Who | None = None) -> None:
    """Delete every goal of an event name, hand-made ones included."""
    for goal in Goal.objects.select_for_update().filter(site_id=site.id, event_name=event_name):
        goal.delete()
        write_audit(who, "goal.delete", f"{site.domain}: {goal}")
