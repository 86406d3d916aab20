"""Goals that a server reports: named, counted once under an Idempotency-Key, and kept like events (contract 1.8)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction

from accounts.records import Who
from accounts.selectors import features_of
from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidFields, NotFound
from goals.models import CompletionRequest
from goals.selectors import goal_bearing
from goals.services import NewGoal, provide_goal
from goals.types import IDEMPOTENCY_KEYS_HOLD, GoalKind, GoalSpec
from stats.ingest.pages import parse_page
from stats.ingest.server_goals import ServerGoal
from stats.services import keep_goal
from stats.visitor_services import is_named, name_visitor, visitor_number

RESERVED_NAMES: Final = frozenset({"engagement", "pageview"})


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion as a server reports it, checked for its shape; `url` is empty and `at` None where absent."""

    name: str
    visitor_id: str
    url: str
    metadata: Mapping[str, str]
    at: datetime | None


def record_completion(site: SiteRef, wanted: Completion, *, idempotency_key: str = "", who: Who | None = None) -> bool:
    """Keep one completion of a goal, which is defined where the site has none of its name; tell whether it is new.

    On return every read sees it, and neither a crash of the process nor one of the event store loses it. Under a key
    that came with the same content within a day it changes nothing and returns False. When it cannot be kept, neither
    goal nor key remain.
    Raises: InvalidFields for a name that a goal of another kind bears, for metadata that contradicts the goal's own
    properties and at the limit of goals; Conflict for a key that came with other content; StoreUnavailable.
    """
    try:
        number = visitor_number(site, wanted.visitor_id)
        goal = goal_bearing(site, wanted.name)
        if not idempotency_key and goal is not None and is_named(site, number, wanted.visitor_id):
            keep_goal(site, _event(wanted, goal, number))
            return True
        with transaction.atomic():
            if idempotency_key and not _claim(site, idempotency_key, _digest_of(wanted)):
                return False
            goal = goal or _define(site, wanted.name, who)
            name_visitor(site, number, wanted.visitor_id)
            keep_goal(site, _event(wanted, goal, number))  # last, so that whatever fails before leaves no trace
            return True
    except ObjectDoesNotExist as problem:
        raise NotFound("Site not found") from problem


def _define(site: SiteRef, name: str, who: Who | None) -> GoalSpec:
    """Make the goal of a custom event of this name. Raises: InvalidFields at the limit of goals."""
    try:
        provide_goal(site, NewGoal(event_name=name), features_of(site), who=who)
    except InvalidFields as problem:
        raise InvalidFields({"name": list(next(iter(problem.errors.values())))}) from problem
    return GoalSpec(id=0, display_name=name, kind=GoalKind.EVENT, event_name=name)


def _event(wanted: Completion, goal: GoalSpec, visitor: int) -> ServerGoal:
    """Return the event that completes the goal. Raises: InvalidFields where none can."""
    if goal.kind is not GoalKind.EVENT:
        raise InvalidFields({"name": ["is that of a goal which pageviews complete"]})
    needed = dict(goal.custom_props)
    if any(wanted.metadata.get(key, value) != value for key, value in needed.items()):
        raise InvalidFields({"metadata": ["contradicts the properties that the goal asks for"]})
    page = parse_page(wanted.url, hash_mode=False) if wanted.url else None
    return ServerGoal(
        event_name=goal.event_name,
        visitor_id=visitor,
        hostname="" if page is None else page.hostname,
        pathname="" if page is None else page.pathname,
        props={**needed, **wanted.metadata},
        at=int((wanted.at or clock.now()).timestamp()),
    )


# ---- Idempotency -----------------------------------------------------------------------------------------------------
def _claim(site: SiteRef, key: str, body_digest: str) -> bool:
    """Take a key for the running transaction; False where the same content has it already.

    Of several at once the unique constraint lets one go on; the others wait for its end. Raises: Conflict.
    """
    now = clock.now()
    mine = {"body_digest": body_digest, "taken_at": now}
    of_key = CompletionRequest.objects.filter(site_id=site.id, key_digest=_digest(key))
    try:
        with transaction.atomic():
            CompletionRequest.objects.create(site_id=site.id, key_digest=_digest(key), **mine)
    except IntegrityError:
        if of_key.filter(taken_at__lte=now - IDEMPOTENCY_KEYS_HOLD).update(**mine):
            return True
        if not of_key.filter(body_digest=body_digest).exists():
            raise Conflict("This Idempotency-Key was used before with another body") from None
        return False
    return True


def _digest_of(wanted: Completion) -> str:
    at = "" if wanted.at is None else wanted.at.isoformat()
    return _digest(wanted.name, wanted.visitor_id, wanted.url, sorted(wanted.metadata.items()), at)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
