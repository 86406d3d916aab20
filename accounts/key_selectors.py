"""Reads of a person's own API keys, which show what a key is and never its text or hash (key contract, section 1)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.db.models import Case, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast

from accounts.models import ApiKey
from accounts.team_selectors import TeamStanding
from accounts.types import Actor
from analytics_project import clock


class KeyState(StrEnum):
    """Whether a key may be used; `rotated` works on beside its successor until it lapses."""

    USABLE = "usable"
    ROTATED = "rotated"
    EXPIRED = "expired"
    REVOKED = "revoked"


def keys_listed_for(actor: Actor, standing: TeamStanding | None) -> QuerySet[ApiKey, Any]:
    """Return the caller's own keys: legacy ones and those of the team in play, or of every team without one.

    `current_state` and `scopes_text`, the scopes as JSON, are there to filter by.
    """
    own = ApiKey.objects.select_related("team").filter(user=actor.user_id)
    chosen = own if standing is None else own.filter(Q(team=None) | Q(team=standing.team_id))
    return chosen.annotate(current_state=_state(), scopes_text=Cast("scopes", TextField()))


def _state() -> Case:
    return Case(
        When(revoked_at__isnull=False, then=Value(KeyState.REVOKED.value)),
        When(expires_at__lte=clock.now(), then=Value(KeyState.EXPIRED.value)),
        When(replaced_by__isnull=False, then=Value(KeyState.ROTATED.value)),
        default=Value(KeyState.USABLE.value),
    )


def key_fields(key: ApiKey) -> Mapping[str, object]:
    """Return what its person sees of a key that `keys_listed_for` found; times are ISO 8601 in UTC, or None."""
    times = {name: getattr(key, name) for name in ("created_at", "last_used_at", "expires_at")}
    return {
        "id": key.pk,
        "name": key.name,
        "prefix": key.prefix,
        "team_id": None if key.team is None else str(key.team.identifier),
        "scopes": key.scopes,
        "read_only": key.is_read_only,
        "state": getattr(key, "current_state", None),
        **{name: None if at is None else at.isoformat(timespec="seconds") for name, at in times.items()},
    }
