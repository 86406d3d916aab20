"""Random visits and random queries: the engine's answers beside a slow computation straight from the contract's part 2.

States of visits stay apart, as an hour of live traffic leaves them. The local days around changes of clocks are where
the examples happen, in zones whose hours and days start at odd moments.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.types import SiteId, SiteRef
from stats.query.build import build_query
from stats.query.run import run_query
from stats.query.types import AllOf, AnyOf, DatePair, Filter, HasDone, Leaf, Not, Operator, QueryParams, Value
from stats.store.client import EventStore
from tests.stats.query.recorded import Hit, Visit, record, visits_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
EXAMPLES = 25
QUERIES = 16
QUARTER = timedelta(minutes=15)
FIRST_DAYS = (
    ("Etc/UTC", date(2025, 3, 10)),
    ("Europe/Berlin", date(2025, 3, 29)),  # 02:00 is skipped on the second day
    ("America/New_York", date(2024, 11, 3)),  # 01:00 comes twice on the first day
    ("America/Santiago", date(2022, 9, 10)),  # 00:00 is skipped on the second day
    ("America/Havana", date(2023, 11, 4)),  # 00:00 comes twice on the second day
    ("Australia/Lord_Howe", date(2025, 4, 5)),  # clocks change by half an hour
    ("Asia/Kathmandu", date(2025, 3, 10)),  # 5:45 ahead
    ("America/Los_Angeles", date(2024, 2, 29)),
)
EITHER_METRICS = ("visitors", "visits", "percentage")
PAGE_METRICS = ("time_on_page", "scroll_depth")
EVENT_METRICS = ("pageviews", "events", *PAGE_METRICS)
SESSION_METRICS = ("bounce_rate", "visit_duration", "views_per_visit")
EVENT_NAMES = ("event:page", "event:name", "event:props:plan")
SESSION_NAMES = ("visit:entry_page", "visit:exit_page")
GROUPINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("visit:source",),
    ("event:page",),
    ("visit:entry_page",),
    ("visit:exit_page",),
    ("time:day",),
    ("time:hour",),
    ("event:name",),
    ("event:props:plan",),
    ("visit:source", "time:day"),
    ("event:page", "time:hour"),
)
PATHS = ("/", "/a", "/b")
FILTER_VALUES: Mapping[str, tuple[str, ...]] = {
    "visit:source": ("Google", "Bing", "Direct / None", "(not set)"),
    "event:page": (*PATHS, "/none"),
    "visit:entry_page": (*PATHS, "", "(not set)"),
    "visit:exit_page": (*PATHS, "", "(not set)"),
    "event:props:plan": ("free", "pro", "(none)"),
}
EVENT_FILTERS = tuple(name for name in FILTER_VALUES if name in EVENT_NAMES)

Groups = dict[tuple[Value, ...], tuple[Value, ...]]
_sites = itertools.count(2_000_000_000)


@dataclass(frozen=True)
class Span:
    """The instants of a range, the end not included, and the zone that names its buckets."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def buckets(self, name: str) -> set[str]:
        """Return every bucket of the range."""
        steps = int((self.end - self.start) / QUARTER)
        return {bucket_of(name, self.start + step * QUARTER, self.zone) for step in range(steps)}


# ---- The contract, computed slowly -----------------------------------------------------------------------------------
@lru_cache(maxsize=64)
def minutes_around(zone: str, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return each minute from the day before to the day after, as UTC and as local time without its zone."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - ONE_DAY
    moments = [first + timedelta(minutes=number) for number in range(3 * 24 * 60)]
    return tuple((moment, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for moment in moments)


@lru_cache(maxsize=64)
def span_of(zone: str, first: date, last: date) -> Span:
    """Return the range of two local dates (1.3): a double midnight counts the second time, a double 23:59 the first."""
    opening = [at for at, local in minutes_around(zone, first) if f"{local:%F %H:%M}" == f"{first} 00:00"]
    closing = [at for at, local in minutes_around(zone, last) if f"{local:%F %H:%M}" == f"{last} 23:59"]
    start = opening[-1] if opening else min(at for at, local in minutes_around(zone, first) if local.date() == first)
    end = closing[0] if closing else max(at for at, local in minutes_around(zone, last) if local.date() == last)
    return Span(start, end + timedelta(minutes=1), ZoneInfo(zone))


def bucket_of(name: str, moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d}" if name == "time:day" else f"{local:%Y-%m-%d %H}:00:00"


def passes(node: Filter, judged: Callable[[Leaf | HasDone], bool | None], *, negated: bool = False) -> bool:
    """Tell whether a tree holds, where None marks leaves of the other table, which are true however often negated."""
    match node:
        case Leaf() | HasDone():
            truth = judged(node)
            return True if truth is None else truth != negated
        case Not(child):
            return passes(child, judged, negated=not negated)
        case AllOf(children) | AnyOf(children):
            found = [passes(child, judged, negated=negated) for child in children]
            return all(found) if isinstance(node, AllOf) != negated else any(found)


def compare(leaf: Leaf, value: str) -> bool:
    """Tell whether a stored value, empty when absent, passes a comparison (1.5)."""
    absent = {"visit:source": {"Direct / None", "(not set)"}, "event:props:plan": {"(none)"}}
    empty_words = absent.get(leaf.dimension, {"(not set)"} if leaf.dimension in SESSION_NAMES else set())
    clauses = {"" if clause in empty_words else clause for clause in leaf.clauses}
    return (value in clauses) == (leaf.operator is Operator.IS)


def names_in(node: Filter) -> set[str]:
    match node:
        case Leaf():
            return {node.dimension}
        case Not(child) | HasDone(child):
            return names_in(child)
        case AllOf(children) | AnyOf(children):
            return set().union(*map(names_in, children))


def paged(node: Filter) -> Filter:
    """Return a tree with the page replaced by the entry page."""
    match node:
        case Leaf():
            return replace(node, dimension="visit:entry_page") if node.dimension == "event:page" else node
        case Not(child):
            return Not(paged(child))
        case AllOf(children):
            return AllOf(tuple(map(paged, children)))
        case AnyOf(children):
            return AnyOf(tuple(map(paged, children)))
        case HasDone():
            return node


Deeds = Callable[[HasDone, Visit], bool]


def on_event(hit: Hit, visit: Visit, has_done: Deeds) -> Callable[[Leaf | HasDone], bool | None]:
    def judged(leaf: Leaf | HasDone) -> bool | None:
        if isinstance(leaf, HasDone):
            return has_done(leaf, visit)
        if leaf.dimension in SESSION_NAMES:
            return None
        return compare(leaf, event_value(leaf.dimension, hit, visit))

    return judged


def on_visit(visit: Visit, has_done: Deeds) -> Callable[[Leaf | HasDone], bool | None]:
    def judged(leaf: Leaf | HasDone) -> bool | None:
        if isinstance(leaf, HasDone):
            return has_done(leaf, visit)
        return None if leaf.dimension in EVENT_NAMES else compare(leaf, visit_value(leaf.dimension, visit))

    return judged


def event_value(name: str, hit: Hit, visit: Visit) -> str:
    values = {"event:page": hit.pathname, "event:name": hit.name, "event:props:plan": hit.props.get("plan", "")}
    return values[name] if name in values else visit_value(name, visit)


def visit_value(name: str, visit: Visit) -> str:
    values = {"visit:entry_page": visit.entry_page, "visit:exit_page": visit.exit_page}
    return values[name] if name in values else str(visit.attributes.get("source", ""))


def shown(name: str, value: str) -> str:
    absent = {"visit:source": "Direct / None", "event:props:plan": "(none)"}
    return value or absent.get(name, "")


def time_on_page(rows: list[tuple[Hit, Visit]]) -> int | None:
    engaged = [(hit, visit) for hit, visit in rows if hit.name == "engagement"]
    visits = {visit.session_id for _, visit in engaged}
    return round(sum(hit.seconds for hit, _ in engaged) / len(visits)) if visits else None


def scroll_depth(rows: list[tuple[Hit, Visit]]) -> int | None:
    deepest: dict[int, int] = {}
    for hit, visit in rows:
        if hit.name == "engagement" and hit.scroll_depth <= 100:
            deepest[visit.session_id] = max(hit.scroll_depth, deepest.get(visit.session_id, 0))
    return round(sum(deepest.values()) / len(deepest)) if deepest else None


class Reference:
    """Answers a query about events from their definition."""

    def __init__(self, hits: Sequence[Hit], span: Span, params: QueryParams) -> None:
        told = visits_of(hits)
        self.visits = {visit.session_id: visit for _, visit, _ in told}
        self.events = [(hit, self.visits[visit.session_id]) for hit, visit, _ in told if span.holds(hit.moment)]
        self.span = span
        self.params = params

    def answer(self) -> Groups:
        """Return metrics by group, by the table rule of 2.1 and the joins below it."""
        names, metrics = set(self.params.dimensions), self.params.metrics
        filtered = names_in(AllOf(self.params.filters))
        event_metric = any(name in EVENT_METRICS for name in metrics)
        session_metric = any(name in SESSION_METRICS for name in metrics)
        no_event_rows = not event_metric and names.isdisjoint(EVENT_NAMES)
        no_session_rows = not session_metric and names.isdisjoint(SESSION_NAMES)
        if no_event_rows and filtered.isdisjoint(EVENT_NAMES):
            either_from_events = False
        elif no_session_rows and filtered.isdisjoint(SESSION_NAMES):
            either_from_events = True
        else:
            either_from_events = not no_event_rows
        of_events = [*EVENT_METRICS, *(EITHER_METRICS if either_from_events else ())]
        sides: dict[str, Mapping[tuple[Value, ...], Value]] = {}
        for name in metrics:
            counted = "visitors" if name == "percentage" else name
            sides[name] = self.event_metric(counted) if name in of_events else self.session_metric(counted)
        leading = [name for name in metrics if name in of_events] or [
            name for name in metrics if name in EITHER_METRICS
        ]
        full = "time:hour" in names
        groups = {group for name in (metrics if full or not leading else leading) for group in sides[name]}
        if not names:
            groups = {()}
        everybody = len({visit.visitor_id for _, visit in self.selected_events()})
        empty = dict.fromkeys(PAGE_METRICS)
        found = {group: {name: sides[name].get(group, empty.get(name, 0)) for name in metrics} for group in groups}
        for cells in found.values():
            if "percentage" in cells:
                assert isinstance(cells["percentage"], int)
                cells["percentage"] = round(100 * cells["percentage"] / everybody, 2) if everybody else None
        return {group: tuple(cells.values()) for group, cells in found.items()}

    def selected_events(self) -> list[tuple[Hit, Visit]]:
        filters = AllOf(self.params.filters)
        needs_visit = not names_in(filters).isdisjoint(SESSION_NAMES)
        chosen = {visit.session_id for visit in self.selected_visits(filters)} if needs_visit else set(self.visits)
        return [
            (hit, visit)
            for hit, visit in self.events
            if visit.session_id in chosen and passes(filters, on_event(hit, visit, self.has_done))
        ]

    def event_metric(self, name: str) -> dict[tuple[Value, ...], Value]:
        groups = defaultdict(list)
        for hit, visit in self.selected_events():
            groups[self.event_group(hit, visit)].append((hit, visit))
        counts: Mapping[str, Callable[[list[tuple[Hit, Visit]]], Value]] = {
            "visitors": lambda rows: len({visit.visitor_id for _, visit in rows}),
            "visits": lambda rows: len({visit.session_id for _, visit in rows}),
            "pageviews": lambda rows: sum(hit.name == "pageview" for hit, _ in rows),
            "events": lambda rows: sum(hit.name != "engagement" for hit, _ in rows),
            "time_on_page": time_on_page,
            "scroll_depth": scroll_depth,
        }
        return {group: counts[name](rows) for group, rows in groups.items()}

    def has_done(self, node: HasDone, visit: Visit) -> bool:
        own = [hit for hit, of in self.events if of.session_id == visit.session_id]
        return any(passes(node.child, on_event(hit, visit, self.has_done)) for hit in own) != node.negated

    def selected_visits(self, filters: Filter) -> list[Visit]:
        """Return the visits that overlap the range and pass (2.2)."""
        needs_event = not names_in(filters).isdisjoint(EVENT_NAMES)
        with_event = {
            visit.session_id for hit, visit in self.events if passes(filters, on_event(hit, visit, self.has_done))
        }
        return [
            visit
            for visit in self.visits.values()
            if visit.timestamp >= self.span.start and visit.start < self.span.end
            if passes(filters, on_visit(visit, self.has_done)) and (not needs_event or visit.session_id in with_event)
        ]

    def session_metric(self, name: str) -> dict[tuple[Value, ...], Value]:
        by_page = "event:page" in self.params.dimensions
        filters: Filter = AllOf(self.params.filters)
        groups = defaultdict(list)
        for visit in self.selected_visits(paged(filters) if by_page else filters):
            for group in self.visit_groups(visit, smeared=name in EITHER_METRICS):
                groups[group].append(visit)
        return {group: self.of_visits(name, visits) for group, visits in groups.items()}

    def of_visits(self, name: str, visits: list[Visit]) -> Value:
        match name:
            case "visitors":
                return len({visit.visitor_id for visit in visits})
            case "visits":
                return len(visits)
            case "bounce_rate":
                entered = [visit for visit in visits if self.entered(visit)]
                return round(100 * sum(visit.is_bounce for visit in entered) / len(entered)) if entered else 0
            case "visit_duration":
                return round(sum(visit.duration for visit in visits) / len(visits))
            case _:
                return round(sum(visit.pageviews for visit in visits) / len(visits), 2)

    def entered(self, visit: Visit) -> bool:
        """Tell whether a visit entered on the page that the first top-level filter names, if one does (2.4)."""
        if "event:page" in self.params.dimensions:
            return True
        for node in self.params.filters:
            inner, negated = node, False
            while isinstance(inner, Not):
                inner, negated = inner.child, not negated
            if isinstance(inner, Leaf) and inner.dimension == "event:page":
                return compare(inner, visit.entry_page) != negated
        return True

    def event_group(self, hit: Hit, visit: Visit) -> tuple[Value, ...]:
        return tuple(
            bucket_of(name, hit.moment, self.span.zone)
            if name.startswith("time")
            else shown(name, event_value(name, hit, visit))
            for name in self.params.dimensions
        )

    def visit_groups(self, visit: Visit, *, smeared: bool) -> Iterable[tuple[Value, ...]]:
        """Return the groups of a visit: one, but every hour it spans where visitors are counted by hour (2.3)."""
        return itertools.product(*(self.visit_values(name, visit, smeared=smeared) for name in self.params.dimensions))

    def visit_values(self, name: str, visit: Visit, *, smeared: bool) -> set[str]:
        if name == "time:hour" and smeared:
            first, last = (int(at.timestamp()) // 900 for at in (visit.start, visit.timestamp))
            slots = (datetime.fromtimestamp(slot * 900, UTC) for slot in range(first, last + 1))
            return {bucket_of(name, slot, self.span.zone) for slot in slots}
        if name.startswith("time"):
            return {bucket_of(name, visit.timestamp, self.span.zone)}
        return {shown(name, visit_value("visit:entry_page" if name == "event:page" else name, visit))}


# ---- Random events and queries ---------------------------------------------------------------------------------------
def random_hits(random: Random, zone: str, first: date) -> list[Hit]:
    """Return what three to six visitors do around two local days, most of them close to a midnight."""
    midnights = [span_of(zone, first + number * ONE_DAY, first + number * ONE_DAY).start for number in range(3)]
    hits: list[Hit] = []
    for number in range(random.randint(3, 6)):
        moment = random.choice(midnights) + random.choice((-90, -60, -10, 0, 20, 60, 150, 600)) * timedelta(minutes=1)
        seen: datetime | None = None
        for _ in range(random.randint(1, 7)):
            hit = random_hit(random, moment, f"visitor {number}")
            if hit.name != "engagement" or (seen is not None and (moment - seen).total_seconds() // 60 <= 30):
                hits.append(hit)
                seen = moment
            moment += timedelta(seconds=random.choice((0, 20, 300, 900, 1700, 1830, 1859, 1860, 4000, 20_000)))
    return hits[:25]


def random_hit(random: Random, moment: datetime, visitor: str) -> Hit:
    plan = random.choice(("", "free", "pro"))
    name = random.choice(("pageview", "pageview", "pageview", "Signup", "engagement"))
    return Hit(
        f"{moment:%Y-%m-%d %H:%M:%S}",
        visitor,
        random.choice(PATHS),
        name,
        scroll_depth=random.choice((0, 25, 70, 100, 255)) if name == "engagement" else 0,
        seconds=random.choice((0, 1, 2, 45)) if name == "engagement" else 0,
        props={"plan": plan} if plan else {},
        interactive=random.random() < 0.5,
        attributes={"source": random.choice(("", "Google", "Bing"))},
    )


def random_filter(random: Random, depth: int = 0, names: Sequence[str] = tuple(sorted(FILTER_VALUES))) -> Filter:
    """Return a comparison, or a tree of at most four."""
    kind = random.choice(("leaf", "leaf", "not", "and", "or", "done")) if depth < 2 else "leaf"
    if kind == "leaf" or (kind == "done" and names is EVENT_FILTERS):
        name = random.choice(names)
        clauses = random.sample(FILTER_VALUES[name], random.choice((0, 1, 1, 1, 2)))
        return Leaf(random.choice((Operator.IS, Operator.IS_NOT)), name, tuple(clauses))
    if kind == "not":
        return Not(random_filter(random, depth + 1, names))
    if kind == "done":
        return HasDone(random_filter(random, depth + 1, EVENT_FILTERS), negated=random.random() < 0.5)
    children = tuple(random_filter(random, depth + 1, names) for _ in range(2))
    return AllOf(children) if kind == "and" else AnyOf(children)


def random_params(random: Random, first: date) -> QueryParams:
    """Return a query that the combination rules of 1.8 allow, about the first, the second or both days."""
    dimensions = random.choice(GROUPINGS)
    filters = tuple(random_filter(random) for _ in range(random.choice((0, 1, 1, 2))))
    allowed = [*EITHER_METRICS]
    if set(dimensions).isdisjoint(SESSION_NAMES):
        named = [node.dimension for node in filters if isinstance(node, Leaf)]
        allowed += EVENT_METRICS[:2] if "event:page" not in (*dimensions, *named) else EVENT_METRICS
    if set(dimensions) & set(EVENT_NAMES) <= {"event:page"}:
        allowed += SESSION_METRICS[:2]
    if not dimensions and "event:page" not in names_in(AllOf(filters)):
        allowed += SESSION_METRICS[2:]
    metrics = random.sample(allowed, random.randint(1, len(allowed)))
    from_day, to_day = random.choice(((0, 0), (0, 1), (1, 1)))
    days = DatePair(first + from_day * ONE_DAY, first + to_day * ONE_DAY)
    return QueryParams(tuple(metrics), days, dimensions, filters)


def inside(span: Span, dimensions: Sequence[str], groups: Groups) -> Groups:
    """Leave out buckets beyond the range, which the contract lets visits have or not have (2.3)."""
    for number, name in enumerate(dimensions):
        if name.startswith("time"):
            labels = span.buckets(name)
            groups = {group: values for group, values in groups.items() if group[number] in labels}
    return groups


@pytest.mark.usefixtures("unmerged")
@settings(
    derandomize=True,
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=st.randoms(use_true_random=True))
def test_answers_are_those_of_the_definitions(store: EventStore, random: Random) -> None:
    zone, first = random.choice(FIRST_DAYS)
    site = SiteRef(SiteId(next(_sites)), "ds_reference", "reference.example", zone, "EUR")
    hits = random_hits(random, zone, first)
    record(store, site.id, hits, zone=zone, every_state=True)
    for _ in range(QUERIES):
        params = random_params(random, first)
        assert isinstance(params.date_range, DatePair)
        span = span_of(zone, params.date_range.first, params.date_range.last)
        rows = run_query(store, build_query(params, site, NOW)).rows
        found = {row.dimensions: row.metrics for row in rows}
        assert len(found) == len(rows)
        expected = Reference(hits, span, params).answer()
        assert inside(span, params.dimensions, found) == inside(span, params.dimensions, expected)
