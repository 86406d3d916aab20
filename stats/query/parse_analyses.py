"""Bodies of the analyses beside `POST /api/v2/query` → their parameters; shape errors only, each naming its path.

Range, filters, dimensions and pages are those of a v2 query, read by the same functions.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from goals.types import MAX_FUNNEL_STEPS, MIN_FUNNEL_STEPS
from stats.query.funnels import FunnelParams, Unit
from stats.query.journeys import DEFAULT_DEPTH, LEAST_DEPTH, MOST_DEPTH, JourneyParams, Place, PlaceKind
from stats.query.parse_filters import parse_filters
from stats.query.parse_v2 import (
    MAX_DAYS,
    body_in,
    include_in,
    members_in,
    names_in,
    pagination_in,
    parse_date_range,
    refuse,
)
from stats.query.retention import Interval, RetentionParams
from stats.query.steps import Step, parse_step
from stats.query.types import Include, QueryParams

ALL_GOALS: Final = "all"
JOURNEYS_LIMIT: Final = 100
MAX_SHOWN_GOALS: Final = 1000
MAX_WITHIN_S: Final = MAX_DAYS * 86_400
SECONDS_OF_UNIT: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
TRIMMABLE: Final = (Include.TRIM_RELATIVE_DATE_RANGE,)
COUNTABLE: Final = (Include.TOTAL_ROWS, Include.TRIM_RELATIVE_DATE_RANGE)

_EVERYWHERE: Final = ("site_id", "date_range", "filters", "include")
_OF_FUNNELS: Final = frozenset({*_EVERYWHERE, "funnel", "steps", "unit", "within", "dimensions", "pagination"})
_OF_RETENTION: Final = frozenset({*_EVERYWHERE, "interval", "first", "returning"})
_OF_JOURNEYS: Final = frozenset({*_EVERYWHERE, "depth", "goals", "from", "to", "pagination"})
_DURATION: Final = re.compile(r"([1-9][0-9]{0,9})([smhd])")
_MAX_ID: Final = 2**63 - 1

Word = TypeVar("Word", Unit, Interval)


def parse_funnel(raw: object) -> FunnelParams:
    """Return the typed form of a request for a funnel. Raises: InvalidQuery naming the offending member."""
    body = body_in(raw, _OF_FUNNELS)
    if ("funnel" in body) == ("steps" in body):
        refuse("steps", "give either the steps or, as 'funnel', the id or name of a funnel of the site")
    limit, offset = pagination_in(body.get("pagination", {}))
    return FunnelParams(
        QueryParams(
            metrics=("visitors",),
            date_range=parse_date_range(body.get("date_range")),
            dimensions=names_in(body.get("dimensions", []), "dimensions"),
            filters=parse_filters(body.get("filters", [])),
            include=include_in(body.get("include", {}), COUNTABLE),
            limit=limit,
            offset=offset,
        ),
        steps=_steps(body["steps"]) if "steps" in body else (),
        funnel=_funnel(body["funnel"]) if "funnel" in body else None,
        unit=_word(body, "unit", Unit.VISITORS),
        within_s=_within(body["within"]) if "within" in body else None,
    )


def parse_retention(raw: object) -> RetentionParams:
    """Return the typed form of a request for retention. Raises: InvalidQuery naming the offending member."""
    body = body_in(raw, _OF_RETENTION)
    interval = _word(body, "interval", Interval.WEEK)
    return RetentionParams(
        QueryParams(
            metrics=("visitors",),
            date_range=parse_date_range(body.get("date_range")),
            dimensions=(f"time:{interval}",),
            filters=parse_filters(body.get("filters", [])),
            include=include_in(body.get("include", {}), TRIMMABLE),
        ),
        interval,
        *(parse_step(body[name], name) if name in body else None for name in ("first", "returning")),
    )


def parse_journeys(raw: object) -> JourneyParams:
    """Return the typed form of a request for journeys. Raises: InvalidQuery naming the offending member."""
    body = body_in(raw, _OF_JOURNEYS)
    if "from" in body and "to" in body:
        refuse("to", "give either where journeys begin or where they end")
    limit, offset = pagination_in(body.get("pagination", {}), JOURNEYS_LIMIT)
    depth = body.get("depth", DEFAULT_DEPTH)
    if type(depth) is not int or not LEAST_DEPTH <= depth <= MOST_DEPTH:
        refuse("depth", f"must be a whole number from {LEAST_DEPTH} to {MOST_DEPTH}")
    return JourneyParams(
        QueryParams(
            metrics=("visits",),
            date_range=parse_date_range(body.get("date_range")),
            filters=parse_filters(body.get("filters", [])),
            include=include_in(body.get("include", {}), COUNTABLE),
            limit=limit,
            offset=offset,
        ),
        depth,
        _shown_goals(body.get("goals", [])),
        *(_place(body[name], name) if name in body else None for name in ("from", "to")),
    )


def _steps(raw: object) -> tuple[Step, ...]:
    if not isinstance(raw, list) or not MIN_FUNNEL_STEPS <= len(raw) <= MAX_FUNNEL_STEPS:
        refuse("steps", f"must be a list of {MIN_FUNNEL_STEPS} to {MAX_FUNNEL_STEPS} steps")
    return tuple(parse_step(step, f"steps[{number}]") for number, step in enumerate(raw))


def _funnel(raw: object) -> int | str:
    if isinstance(raw, str) and raw.strip():
        return raw
    if type(raw) is not int or not 1 <= raw <= _MAX_ID:
        refuse("funnel", "must be the id or the name of a funnel")
    return raw


def _word(body: Mapping[str, Any], name: str, default: Word) -> Word:
    kind = type(default)
    value = body.get(name, default.value)
    if not isinstance(value, str) or value not in list(kind):
        refuse(name, f"must be one of {', '.join(kind)}")
    return kind(value)


def _within(raw: object) -> int:
    seconds = raw
    if isinstance(raw, str) and (found := _DURATION.fullmatch(raw)):
        seconds = int(found[1]) * SECONDS_OF_UNIT[found[2]]
    if type(seconds) is not int or not 1 <= seconds <= MAX_WITHIN_S:
        refuse("within", f"must be seconds or a text such as 30m, 12h or 7d, {MAX_DAYS}d at most")
    return seconds


def _shown_goals(raw: object) -> tuple[str, ...] | None:
    if raw == ALL_GOALS:
        return None
    if not isinstance(raw, list):
        refuse("goals", f"must be {ALL_GOALS!r} or a list of display names of goals")
    if len(raw) > MAX_SHOWN_GOALS:
        refuse("goals", f"has more than {MAX_SHOWN_GOALS} names")
    return names_in(raw, "goals")


def _place(raw: object, path: str) -> Place:
    kinds = {"page": PlaceKind.PAGE, "goal": PlaceKind.GOAL}
    members = members_in(raw, path, tuple(kinds))
    if len(members) != 1:
        refuse(path, "must hold either a page or a goal")
    ((name, value),) = members.items()
    if not isinstance(value, str):
        refuse(f"{path}.{name}", "must be a text")
    return Place(kinds[name], value)
