"""Stats API v2: the request body → QueryParams (stats contract 1.2, 1.3). Shape errors only, naming the path."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NoReturn

from analytics_project.errors import InvalidQuery
from stats.query.parse_filters import parse_filters
from stats.query.types import DatePair, Include, InstantPair, OrderBy, Period, PeriodUnit, QueryParams, RangeSpec

MAX_LIMIT: Final = 10_000
MAX_DAYS: Final = 5000
MAX_MONTHS: Final = 100

_MEMBERS: Final = frozenset(
    {"site_id", "metrics", "date_range", "dimensions", "filters", "order_by", "include", "pagination"}
)
_PERIOD: Final = re.compile(r"([1-9][0-9]{0,3})(d|mo)")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,][0-9]+)?(Z|z|[+-][0-9]{2}:?[0-9]{2})"
)
PERIOD_WORDS: Final[Mapping[str, PeriodUnit]] = {
    "day": PeriodUnit.DAY,
    "month": PeriodUnit.MONTH,
    "year": PeriodUnit.YEAR,
    "all": PeriodUnit.ALL,
    "24h": PeriodUnit.LAST_24_HOURS,
}


def parse_v2(raw: object) -> QueryParams:
    """Return the typed form of a request body. Raises: InvalidQuery naming the offending member."""
    body = body_in(raw, _MEMBERS)
    limit, offset = pagination_in(body.get("pagination", {}))
    return QueryParams(
        metrics=names_in(body.get("metrics"), "metrics", at_least=1),
        date_range=parse_date_range(body.get("date_range")),
        dimensions=names_in(body.get("dimensions", []), "dimensions"),
        filters=parse_filters(body.get("filters", [])),
        order_by=_order_by(body["order_by"]) if "order_by" in body else None,
        include=include_in(body.get("include", {})),
        limit=limit,
        offset=offset,
    )


def parse_date_range(raw: object) -> RangeSpec:
    """Return the range that a word or a pair means. Raises: InvalidQuery naming `date_range`."""
    if isinstance(raw, str):
        return _period(raw)
    if not isinstance(raw, list) or len(raw) != 2 or not all(isinstance(end, str) for end in raw):
        refuse("date_range", "must be a period or a list of two dates or two datetimes")
    first, last = raw
    if _DATE.fullmatch(first) and _DATE.fullmatch(last):
        return DatePair(_date(first), _date(last))
    return InstantPair(_instant(first), _instant(last))


def _period(word: str) -> Period:
    if word in PERIOD_WORDS:
        return Period(PERIOD_WORDS[word])
    if found := _PERIOD.fullmatch(word):
        count = int(found[1])
        if found[2] == "d" and count <= MAX_DAYS:
            return Period(PeriodUnit.DAYS, count)
        if found[2] == "mo" and count <= MAX_MONTHS:
            return Period(PeriodUnit.MONTHS, count)
    refuse(
        "date_range",
        f"{word!r} is not a period; use day, 24h, month, year, all, 1d to {MAX_DAYS}d, 1mo to {MAX_MONTHS}mo",
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        refuse("date_range", f"{text!r} is not a date")


def _instant(text: str) -> datetime:
    found = _INSTANT.fullmatch(text)
    if found is None:
        refuse("date_range", f"{text!r} must be a date, or a datetime with its offset, in both places alike")
    try:
        return datetime.fromisoformat(found[1] + found[2].upper())
    except ValueError:
        refuse("date_range", f"{text!r} is not a datetime")


def names_in(raw: object, path: str, *, at_least: int = 0) -> tuple[str, ...]:
    """Return a list of different names. Raises: InvalidQuery naming the path."""
    if not isinstance(raw, list) or len(raw) < at_least:
        refuse(path, "must be a list" + (" of at least one name" if at_least else ""))
    seen: set[str] = set()
    for number, name in enumerate(raw):
        if not isinstance(name, str):
            refuse(f"{path}[{number}]", "must be a name")
        if name in seen:
            refuse(f"{path}[{number}]", f"repeats {name!r}")
        seen.add(name)
    return tuple(raw)


def _order_by(raw: object) -> tuple[OrderBy, ...]:
    if not isinstance(raw, list):
        refuse("order_by", "must be a list of [field, direction]")
    return tuple(_order_item(item, f"order_by[{number}]") for number, item in enumerate(raw))


def _order_item(raw: object, path: str) -> OrderBy:
    if not isinstance(raw, list) or len(raw) != 2 or not isinstance(raw[0], str):
        refuse(path, "must be [field, direction]")
    if raw[1] not in ("asc", "desc"):
        refuse(f"{path}[1]", 'must be "asc" or "desc"')
    return OrderBy(raw[0], descending=raw[1] == "desc")


def include_in(raw: object, allowed: Sequence[Include] = tuple(Include)) -> frozenset[Include]:
    """Return the optional parts that are switched on. Raises: InvalidQuery naming the member."""
    members = members_in(raw, "include", allowed)
    for name, value in members.items():
        if not isinstance(value, bool):
            refuse(f"include.{name}", "must be true or false")
    return frozenset(Include(name) for name, value in members.items() if value)


def pagination_in(raw: object, default_limit: int = MAX_LIMIT) -> tuple[int, int]:
    """Return limit and offset. Raises: InvalidQuery naming the member."""
    members = members_in(raw, "pagination", ("limit", "offset"))
    limit, offset = members.get("limit", default_limit), members.get("offset", 0)
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        refuse("pagination.limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    if type(offset) is not int or not 0 <= offset < 2**63:
        refuse("pagination.offset", "must be a whole number from 0")
    return limit, offset


def members_in(raw: object, path: str, allowed: Sequence[str]) -> Mapping[str, Any]:
    """Return an object that has no other members than these. Raises: InvalidQuery naming the path."""
    if not isinstance(raw, dict):
        refuse(path, "must be an object")
    for name in raw:
        if name not in allowed:
            refuse(f"{path}.{name}", f"is not a member; allowed are {', '.join(allowed)}")
    return raw


def body_in(raw: object, allowed: Collection[str]) -> Mapping[str, Any]:
    """Return a request's body, an object that has no other members. Raises: InvalidQuery naming one that it has."""
    if not isinstance(raw, dict):
        refuse("body", "must be a JSON object")
    for member in raw:
        if member not in allowed:
            refuse(str(member), "is not a member of a query")
    return raw


def refuse(path: str, problem: str) -> NoReturn:
    """Refuse what stands at a path. Raises: InvalidQuery."""
    raise InvalidQuery(f"{path}: {problem}", code="invalid_" + re.split(r"[.\[]", path, maxsplit=1)[0])
