"""The body of a v2 query as JSON Schema (draft 2020-12), made from the registries and the limits that the parser uses.

It knows every fault of shape. What depends on the site (its goals, its plan), on several members together (metrics that
do not fit dimensions) or on a calendar (30 February) is found by the engine alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from stats.query.build import MAX_DIMENSIONS, MAX_LEAVES, MAX_SEARCHED_CLAUSES
from stats.query.dimensions import DIMENSIONS, GOAL, HOSTNAME, PROPERTY_PREFIX, TIME_PREFIX, is_time
from stats.query.metrics import METRICS
from stats.query.parse_filters import MAX_CLAUSES
from stats.query.parse_v2 import MAX_DAYS, MAX_LIMIT, MAX_MONTHS, PERIOD_WORDS
from stats.query.segments import MAX_SEGMENTS
from stats.query.types import SEGMENT, Include, Kind, Operator

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
COUNTRY: Final = "visit:country"
CITY: Final = "visit:city"

_EXACT: Final = (Operator.IS, Operator.IS_NOT)
_SEARCHING: Final = (Operator.CONTAINS, Operator.CONTAINS_NOT)
_PATTERNS: Final = (Operator.MATCHES, Operator.MATCHES_NOT)
_DAY: Final = "(19[7-9][0-9]|20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME: Final = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.,][0-9]+)?"
_OFFSET: Final = "([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])"
_INCLUDED: Final[Mapping[Include, str]] = {
    Include.IMPORTS: "Merge imported daily totals where they can tell; `meta` says whether they are part of it.",
    Include.TIME_LABELS: "List every bucket of the time dimension in `meta.time_labels`; needs a time dimension.",
    Include.TOTAL_ROWS: "Count the rows before pagination in `meta.total_rows`.",
    Include.TRIM_RELATIVE_DATE_RANGE: "End `day`, `month` and `year` with the current hour or day.",
}


def query_schema() -> Schema:
    """Return the schema of a query's body as one document."""
    return {"$schema": DIALECT, "title": "Query", **query_definitions("#/$defs/")["Query"], "$defs": _definitions()}


def _definitions() -> Schema:
    return {name: schema for name, schema in query_definitions("#/$defs/").items() if name != "Query"}


def query_definitions(place: str) -> dict[str, Schema]:
    """Return the schemas by name; they refer to each other under `place`, such as `#/$defs/`."""

    def refer(name: str) -> Schema:
        return {"$ref": place + name}

    filterable = [name for name, dimension in DIMENSIONS.items() if not dimension.groups_only]
    nested = [name for name in filterable if name not in {GOAL, HOSTNAME}]
    of_events = [name for name in filterable if DIMENSIONS[name].kind is Kind.EVENT]
    return {
        "Query": _query(refer),
        "Metric": {"type": "string", "enum": list(METRICS)},
        "Dimension": _dimension([TIME_PREFIX, *DIMENSIONS]),
        "DateRange": _date_range(),
        "Filter": _tree(
            filterable, refer, "NestedFilter", "What visits and events must fulfil; an operator comes first."
        ),
        "NestedFilter": _tree(nested, refer, "NestedFilter", f"A filter without {GOAL} and {HOSTNAME}."),
        "EventFilter": _tree(of_events, refer, "EventFilter", "A filter of what events say.", behaves=False),
    }


def _query(refer: Any) -> Schema:
    orderable = [name for name in (TIME_PREFIX, *DIMENSIONS) if name != GOAL]
    time = [name for name in (TIME_PREFIX, *DIMENSIONS) if is_time(name)]
    members: Schema = {
        "site_id": {"type": "string", "minLength": 1, "description": "The site's domain or public id, or a team's id."},
        "metrics": {
            "type": "array",
            "items": refer("Metric"),
            "minItems": 1,
            "uniqueItems": True,
            "description": "What to count, in the order of the answer.",
        },
        "date_range": refer("DateRange"),
        "dimensions": {
            "type": "array",
            "items": refer("Dimension"),
            "maxItems": MAX_DIMENSIONS,
            "uniqueItems": True,
            "contains": {"enum": time},
            "minContains": 0,
            "maxContains": 1,
            "default": [],
            "description": "What to group by, in the order of the answer; at most one time dimension.",
        },
        "filters": {
            "type": "array",
            "items": refer("Filter"),
            "maxItems": MAX_LEAVES,
            "default": [],
            "description": f"Filters that must all hold; at most {MAX_LEAVES} comparisons.",
        },
        "order_by": {
            "type": "array",
            "items": _tuple({"anyOf": [refer("Metric"), _dimension(orderable)]}, {"enum": ["asc", "desc"]}),
            "description": (
                "Metrics and dimensions of the query, the first decides. Without it: time, then the first metric "
                "from its highest value."
            ),
        },
        "include": _object({str(one): {"type": "boolean", "description": _INCLUDED[one]} for one in Include}),
        "pagination": _object(
            {
                "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": MAX_LIMIT},
                "offset": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 0},
            }
        ),
    }
    return {**_object(members), "required": ["site_id", "metrics", "date_range"]}


def _object(members: Schema) -> Schema:
    return {"type": "object", "properties": members, "additionalProperties": False}


def _tuple(*places: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an array of exactly these places, with `optional` allowed behind them."""
    last = [] if optional is None else [optional]
    return {
        "type": "array",
        "prefixItems": [*places, *last],
        "items": False,
        "minItems": len(places),
        "maxItems": len(places) + len(last),
    }


def _dimension(names: Sequence[str]) -> Schema:
    return {
        "anyOf": [
            {"type": "string", "enum": list(names)},
            {"type": "string", "pattern": f"^{PROPERTY_PREFIX}[\\s\\S]+"},
        ]
    }


def _date_range() -> Schema:
    days, instants = ({"type": "string", "pattern": f"^{text}$"} for text in (_DAY, f"{_DAY}[T ]{_TIME}{_OFFSET}"))
    return {
        "description": (
            "A period relative to today in the site's zone, two dates in that zone, or two instants with their offset; "
            f"both ends included. `7d` ends yesterday, `6mo` with last month; up to {MAX_DAYS}d and {MAX_MONTHS}mo."
        ),
        "anyOf": [
            {"type": "string", "enum": list(PERIOD_WORDS)},
            {"type": "string", "pattern": f"^({numbers_to(MAX_DAYS)})d$"},
            {"type": "string", "pattern": f"^({numbers_to(MAX_MONTHS)})mo$"},
            _tuple(days, days),
            _tuple(instants, instants),
        ],
        "examples": ["7d", ["2025-03-01", "2025-03-31"], ["2025-03-10T08:00:00+01:00", "2025-03-10T09:00:00+01:00"]],
    }


def numbers_to(highest: int) -> str:
    """Return a regular expression of the whole numbers from 1 to `highest`, written without leading zeros."""
    digits = str(highest)
    choices = [f"[1-9][0-9]{{{length - 1}}}" for length in range(1, len(digits))]
    for place, digit in enumerate(digits):
        lowest = 1 if place == 0 else 0
        if int(digit) > lowest:
            choices.append(f"{digits[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{len(digits) - place - 1}}}")
    return "|".join([*choices, digits])


def _tree(names: Iterable[str], refer: Any, below: str, description: str, *, behaves: bool = True) -> Schema:
    """Return a filter on these dimensions and on properties; `below` stands in its branches."""
    branches = [
        _tuple({"enum": ["and", "or"]}, {"type": "array", "items": refer(below), "minItems": 1}),
        _tuple({"const": "not"}, refer(below)),
    ]
    if behaves:
        branches.append(_tuple({"enum": ["has_done", "has_not_done"]}, refer("EventFilter")))
    return {"description": description, "anyOf": [*_leaves(set(names)), *branches]}


def _leaves(names: set[str]) -> list[Schema]:
    texts = {"type": "array", "items": {"type": "string"}}
    codes = {"type": "array", "items": {"type": "string", "pattern": "^([\\s\\S]{2})?$"}}
    cities = {"type": "array", "items": {"type": "integer"}}
    plain = _dimension(sorted(names - {GOAL, COUNTRY, CITY}))
    free = [plain, *({"const": name} for name in sorted(names & {COUNTRY}))]
    segments = {"type": "array", "items": {"type": "integer"}}
    leaves = [
        _leaf(_EXACT, plain, texts, has_modifier=True),
        _leaf(_SEARCHING, {"anyOf": free}, texts, has_modifier=True),
        _leaf(_PATTERNS, {"anyOf": free}, texts, has_modifier=False),
        _leaf((Operator.IS,), {"const": SEGMENT}, {**segments, "maxItems": MAX_SEGMENTS}, has_modifier=True),
    ]
    if COUNTRY in names:
        leaves.append(_leaf(_EXACT, {"const": COUNTRY}, codes, has_modifier=True))
    if CITY in names:
        either = {"anyOf": [texts, cities]}
        leaves += [
            _leaf(_EXACT, {"const": CITY}, either, has_modifier=True),
            _leaf(_SEARCHING, {"const": CITY}, either, has_modifier=True),
            _leaf(_PATTERNS, {"const": CITY}, either, has_modifier=False),
        ]
    if GOAL in names:
        for operator in (Operator.IS, Operator.CONTAINS):
            leaves.append(_leaf((operator,), {"const": GOAL}, texts, has_modifier=True))
    return leaves


def _leaf(operators: Sequence[Operator], dimension: Schema, clauses: Schema, *, has_modifier: bool) -> Schema:
    most = MAX_CLAUSES if operators[0] in _EXACT else MAX_SEARCHED_CLAUSES
    modifier = _object({"case_sensitive": {"type": "boolean", "default": True}})
    return _tuple(
        {"enum": [operator.value for operator in operators]},
        dimension,
        {"maxItems": most, **clauses},
        optional=modifier if has_modifier else None,
    )
