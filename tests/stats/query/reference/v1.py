"""What the endpoints of v1 make of the same numbers: buckets filled, rows hidden, periods compared (part 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from accounts.types import SiteRef
from stats.query.types import DatePair, Leaf, Operator, OrderBy, QueryParams, Row, Value
from tests.stats.query.reference.answer import all_rows, answer
from tests.stats.query.reference.dimensions import GOAL, PROPERTY
from tests.stats.query.reference.metrics import EMPTY
from tests.stats.query.reference.time_buckets import ONE_DAY, span_of
from tests.stats.query.reference.worlds import World

FILLED: Mapping[str, Value] = {**EMPTY, "visit_duration": None}
HIDDEN: Mapping[str, tuple[Value, ...]] = {
    **dict.fromkeys(
        (f"visit:utm_{name}" for name in ("source", "medium", "campaign", "content", "term")), ("(not set)",)
    ),
    **dict.fromkeys(("visit:entry_page", "visit:exit_page", "visit:region"), ("",)),
    "visit:country": ("", "ZZ"),
    "visit:city": (0,),
}
COMPANIONS = {"visit:browser_version": "visit:browser", "visit:os_version": "visit:os"}
Cells = dict[str, object]


@dataclass(frozen=True)
class Request:
    """A request to one of the endpoints; filters are (property, sign, text) as `prop==a|b` has them."""

    endpoint: str
    first: date
    last: date
    metrics: tuple[str, ...]
    filters: tuple[tuple[str, str, str], ...] = ()
    named: str = ""
    interval: str = ""
    compares: bool = False
    limit: int = 100
    page: int = 1

    def parameters(self) -> dict[str, str]:
        """Return the query string's members."""
        given = {"metrics": ",".join(self.metrics), "filters": ";".join(map("".join, self.filters))}
        if self.is_one_day:
            given |= {"period": "day", "date": str(self.first)}
        else:
            given |= {"period": "custom", "date": f"{self.first},{self.last}"}
        if self.compares:
            given["compare"] = "previous_period"
        if self.endpoint == "timeseries" and self.interval:
            given["interval"] = self.interval
        if self.endpoint == "breakdown":
            given |= {"property": self.named, "limit": str(self.limit), "page": str(self.page)}
        return given

    @property
    def is_one_day(self) -> bool:
        return self.first == self.last

    def before(self) -> DatePair:
        """Return as many days just before."""
        days = (self.last - self.first).days + 1
        return DatePair(self.first - days * ONE_DAY, self.last - days * ONE_DAY)


def results(world: World, site: SiteRef, request: Request) -> object:
    """Return the `results` that the contract wants."""
    one_endpoint = {"aggregate": aggregate, "timeseries": timeseries, "breakdown": breakdown}[request.endpoint]
    return one_endpoint(world, site, request)


def filters_of(request: Request) -> tuple[Leaf, ...]:
    """Return the filters: stars make a pattern, bars alternatives; goals are names and never negated (3.5)."""
    found = []
    for name, sign, text in request.filters:
        if name == GOAL:
            found.append(Leaf(Operator.IS, name, tuple(text.split("|"))))
        elif "*" in text:
            operator = Operator.MATCHES_WILDCARD if sign == "==" else Operator.MATCHES_WILDCARD_NOT
            found.append(Leaf(operator, name, (text,)))
        else:
            found.append(Leaf(Operator.IS if sign == "==" else Operator.IS_NOT, name, tuple(text.split("|"))))
    return tuple(found)


def aggregate(world: World, site: SiteRef, request: Request) -> dict[str, Cells]:
    """Return each metric's value, and beside it that of the days before."""

    def values(days: DatePair) -> Cells:
        params = QueryParams(request.metrics, days, (), filters_of(request))
        (row,) = answer(world.hits, site, world.goals, params).rows
        return dict(zip(request.metrics, row.metrics, strict=True))

    found: dict[str, Cells] = {
        name: {"value": value} for name, value in values(DatePair(request.first, request.last)).items()
    }
    if request.compares:
        for name, old in values(request.before()).items():
            found[name] |= {"comparison_value": old, "change": change(name, found[name]["value"], old)}
    return found


def timeseries(world: World, site: SiteRef, request: Request) -> list[Cells]:
    """Return a row for each bucket of the range, and none for others."""
    days = DatePair(request.first, request.last)
    default = "time:hour" if request.is_one_day else "time:day"
    bucket = f"time:{request.interval}" if request.interval else default
    params = QueryParams(of_groups(request.metrics), days, (bucket,), filters_of(request))
    rows = all_rows(world.hits, site, world.goals, params)
    found = {row.dimensions[0]: row.metrics for row in rows}
    empty = tuple(FILLED[name] for name in request.metrics)
    return [
        {"date": label, **dict(zip(request.metrics, found.get(label, empty), strict=True))}
        for label in span_of(days, site.timezone).labels(bucket)
    ]


def breakdown(world: World, site: SiteRef, request: Request) -> list[Cells]:
    """Return a page of a property's values, blank ones hidden, and beside each the days before."""
    dimensions = (request.named, COMPANIONS[request.named]) if request.named in COMPANIONS else (request.named,)
    is_global = request.named == GOAL or request.named.startswith(PROPERTY)
    metrics = request.metrics if is_global else of_groups(request.metrics)
    first = next((name for name in metrics if name != "time_on_page"), "visitors")

    def rows(days: DatePair) -> list[Row]:
        order = (OrderBy(first, descending=True),)
        params = QueryParams(
            metrics if first in metrics else (*metrics, first),
            days,
            dimensions,
            filters_of(request),
            order,
            session_counters=True,
        )
        found = all_rows(world.hits, site, world.goals, params)
        return [row for row in found if row.dimensions[0] not in HIDDEN.get(request.named, ())]

    start = (request.page - 1) * request.limit
    page = rows(DatePair(request.first, request.last))[start : start + request.limit]
    old = {row.dimensions: row.metrics for row in rows(request.before())} if request.compares else {}
    empty = tuple(FILLED[name] for name in metrics)
    found: list[Cells] = []
    for row in page:
        labels = zip(map(key, dimensions), row.dimensions, strict=True)
        cells: Cells = {**dict(labels), **dict(zip(request.metrics, row.metrics, strict=False))}
        if request.compares:
            before = dict(zip(request.metrics, old.get(row.dimensions, empty), strict=False))
            changes = {name: change(name, cells[name], before[name]) for name in request.metrics}
            cells["comparison"] = {**before, "change": changes}
        found.append(cells)
    return found


def of_groups(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics with conversions measured by each row's own visitors."""
    return tuple("group_conversion_rate" if name == "conversion_rate" else name for name in metrics)


def key(dimension: str) -> str:
    return dimension.removeprefix(PROPERTY) if dimension.startswith(PROPERTY) else dimension.split(":", 1)[1]


def change(metric: str, new: object, old: object) -> object:
    """Return points of a bounce or conversion rate, percent of all else, halves away from zero (5.1)."""
    if not isinstance(new, int | float) or not isinstance(old, int | float):
        return None
    after, before = Decimal(str(new)), Decimal(str(old))
    if metric == "conversion_rate":
        return float((after - before).quantize(Decimal("0.1"), ROUND_HALF_UP))
    if metric == "bounce_rate":
        return new - old if old else None
    if not old:
        return 100 if new > 0 else 0
    return int((100 * (after - before) / before).quantize(Decimal(1), ROUND_HALF_UP))
