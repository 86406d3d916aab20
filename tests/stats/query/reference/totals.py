"""Imported daily totals and what they add to an answer, slowly, from the definitions (stats contract 5.2).

A total is a line of one of the ten files. Read after `answer`, whose numbers of our own events it takes as they are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from accounts.types import ImportRef
from goals.types import GoalKind, GoalSpec
from stats.query.types import AllOf, Filter, HasDone, Leaf, Not, Operator, QueryParams, Value
from tests.stats.query.reference.dimensions import (
    ENTRY_PAGE,
    GOAL,
    HOSTNAME,
    PAGE,
    PLACE_NAMES,
    PROPERTY,
    TEXT_OF_ABSENCE,
    city_name,
    is_time,
)
from tests.stats.query.reference.goals import goals_in_play, named, pattern
from tests.stats.query.reference.metrics import RATES, SESSION_METRICS, share
from tests.stats.query.reference.selection import Judge, compare, leaves, passes, with_entry_page
from tests.stats.query.reference.time_buckets import Span

NAME = "event:name"
URL, PATH = f"{PROPERTY}url", f"{PROPERTY}path"
# The column that holds a dimension, by file.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "visitors": {},
    "sources": {
        f"visit:{name}": name
        for name in (
            *("source", "channel", "referrer"),
            *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
        )
    },
    "pages": {PAGE: "page", HOSTNAME: "hostname"},
    "entry_pages": {ENTRY_PAGE: "entry_page"},
    "exit_pages": {"visit:exit_page": "exit_page"},
    "locations": {
        **{"visit:country": "country", "visit:country_name": "country"},
        **{"visit:region": "region", "visit:region_name": "region", "visit:city": "city"},
        "visit:city_name": "city",
    },
    "devices": {"visit:device": "device", "visit:screen": "device"},
    "browsers": {"visit:browser": "browser", "visit:browser_version": "browser_version"},
    "operating_systems": {"visit:os": "operating_system", "visit:os_version": "operating_system_version"},
    "custom_events": {NAME: "name", URL: "link_url", PATH: "path"},
}
LINKS = ("Outbound Link: Click", "Cloaked Link: Click", "File Download")
PATHS = ("404", "WP Form Completions", "Form: Submission")
EVENTS_WITH = {URL: LINKS, PATH: PATHS}
COUNTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(COLUMNS, ("visitors", "visits", "pageviews", "bounces", "visit_duration")),
    "pages": (
        *("visitors", "visits", "pageviews"),
        *("total_scroll_depth", "total_scroll_depth_visits", "total_time_on_page", "total_time_on_page_visits"),
    ),
    "entry_pages": ("visitors", "entrances", "pageviews", "bounces", "visit_duration"),
    "exit_pages": ("visitors", "exits", "pageviews", "bounces", "visit_duration"),
    "custom_events": ("visitors", "events"),
}


@dataclass(frozen=True)
class Total:
    """A line of a file, and the number of the import that brought it."""

    table: str
    day: date
    cells: Mapping[str, str]
    counts: Mapping[str, int]
    import_id: int

    def value(self, name: str) -> str | int:
        """Return what filters compare: empty text, or 0 for a city, where it is not known."""
        text = self.cells.get(COLUMNS[self.table][name], "")
        if name in EVENTS_WITH and self.cells["name"] not in EVENTS_WITH[name]:
            return ""
        if name == "visit:city":
            return int(text or 0)
        if name == "visit:city_name":
            return city_name(int(text or 0))
        if name in {"visit:country_name", "visit:region_name"}:
            return PLACE_NAMES.get(text, text) if text != "ZZ" else ""
        blank = {PAGE: "/", HOSTNAME: "(none)", "visit:channel": "(not set)"}
        return "" if text == "ZZ" else text or blank.get(name, "")

    def count(self, name: str) -> int:
        """Return one of its numbers, 0 where its file has none of the kind."""
        if name == "visits":
            name = {"entry_pages": "entrances", "exit_pages": "exits"}.get(self.table, name)
        if name == "events" and self.table != "custom_events":
            name = "pageviews"
        return self.counts.get(name, 0)

    def converts(self, goal: GoalSpec) -> bool:
        """Tell whether it counts conversions of a goal."""
        if goal.kind is GoalKind.PAGE:
            return self.table == "pages" and bool(pattern(goal.page_path).search(str(self.value(PAGE))))
        if goal.kind is GoalKind.SCROLL or self.table != "custom_events":
            return False
        props = {key: self.value(f"{PROPERTY}{key}") for key in ("url", "path")}
        return goal.event_name == self.cells["name"] and all(
            props.get(key, "") == value for key, value in goal.custom_props
        )


# ---- Which tables answer ---------------------------------------------------------------------------------------------
def skip_reason(imports: Sequence[ImportRef], span: Span, params: QueryParams, goals: Sequence[GoalSpec]) -> str | None:
    """Return why imports are not part of an answer; `params` have their time picked."""
    first, last = days_of(span)
    if not imports:
        return "no_imported_data"
    if not any(first <= one.last_on and one.first_on <= last for one in imports):
        return "out_of_range"
    if "time:hour" in params.dimensions:
        return "unsupported_interval"
    return None if tables_for(params.dimensions, params.filters, goals) else "unsupported_query"


def tables_for(dimensions: Sequence[str], filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> set[str]:
    """Return the tables that know all dimensions, in groups and filters; none is no answer."""
    tree = AllOf(tuple(filters))
    if has_behaviour(tree):
        return set()
    needed = {name for name in dimensions if not is_time(name)}
    filtered = {name for leaf in leaves(tree) for name in stands_for(leaf, goals)}
    if any(name.startswith(PROPERTY) for name in needed | filtered):
        return {"custom_events"} if is_special(dimensions, filters, goals) else set()
    if GOAL in needed:
        if needed != {GOAL} or not filtered <= {PAGE, NAME} or filtered == {PAGE, NAME}:
            return set()
        return {"pages", "custom_events"} if not filtered else {"pages"} if filtered == {PAGE} else {"custom_events"}
    if not needed | filtered:
        return {"visitors"}
    return {table for table, columns in COLUMNS.items() if needed | filtered <= set(columns)}


def stands_for(leaf: Leaf, goals: Sequence[GoalSpec]) -> set[str]:
    """Return the dimensions that a comparison needs: of goals the page or the name, and what no table has."""
    if leaf.dimension != GOAL:
        return {leaf.dimension}
    by_kind = {GoalKind.PAGE: PAGE, GoalKind.EVENT: NAME, GoalKind.SCROLL: "scroll depth"}
    found = {"properties" if goal.custom_props else by_kind[goal.kind] for goal in named(leaf, goals)}
    return found or {"no goal"}


def is_special(dimensions: Sequence[str], filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> bool:
    """Tell whether a query is about the links or paths of events that are named by all other filters."""
    for name, events in EVENTS_WITH.items():
        others = [node for node in filters if {leaf.dimension for leaf in leaves(node)} != {name}]
        if others and all(names_only(node, events, goals) for node in others):
            if list(dimensions) == [name]:
                return True
            alone = len(dimensions) < 2 and all(one in {GOAL, NAME} or is_time(one) for one in dimensions)
            return alone and len(others) < len(filters)
    return False


def names_only(node: Filter, events: Sequence[str], goals: Sequence[GoalSpec]) -> bool:
    if not isinstance(node, Leaf) or node.operator is not Operator.IS or node.dimension not in {GOAL, NAME}:
        return False
    if node.dimension == NAME:
        return bool(node.clauses) and set(node.clauses) <= set(events)
    found = named(node, goals)
    return bool(found) and all(goal.event_name in events and not goal.custom_props for goal in found)


def has_behaviour(node: Filter) -> bool:
    match node:
        case HasDone():
            return True
        case Not(child):
            return has_behaviour(child)
        case Leaf():
            return False
        case _:
            return any(map(has_behaviour, node.children))


# ---- Which totals ----------------------------------------------------------------------------------------------------
def days_of(span: Span) -> tuple[date, date]:
    """Return the first and last local date that a range touches."""
    return span.first.astimezone(span.zone).date(), max(span.first, span.last).astimezone(span.zone).date()


@dataclass(frozen=True)
class Totals:
    """All totals of completed imports, and what is asked of them."""

    all: Sequence[Total]
    span: Span
    goals: Sequence[GoalSpec]

    def groups(
        self, dimensions: Sequence[str], filters: Sequence[Filter], metrics: Sequence[str]
    ) -> dict[tuple[Value, ...], list[Total]]:
        """Return the totals of each group that has visitors; without dimensions all of one group."""
        tables = tables_for(dimensions, filters, self.goals)
        first, last = days_of(self.span)
        viewed_only = bool({"pageviews", "views_per_visit"} & set(metrics))
        found: dict[tuple[Value, ...], list[Total]] = defaultdict(list)
        for one in self.all:
            if (
                one.table not in tables
                or not first <= one.day <= last
                or not passes(AllOf(tuple(filters)), self.judge(one))
            ):
                continue
            if viewed_only and one.table != "custom_events" and not one.count("pageviews"):
                continue
            for labels in product([self.labels(name, one, filters) for name in dimensions]):
                found[labels].append(one)
        if not dimensions:
            return dict(found)
        return {group: ones for group, ones in found.items() if total(ones, "visitors")}

    def judge(self, one: Total) -> Judge:
        def judge(node: Leaf | HasDone) -> bool | None:
            if isinstance(node, HasDone):
                raise TypeError("no total tells what a visit has done")
            if node.dimension == GOAL:
                return any(map(one.converts, named(node, self.goals)))
            return compare(node, one.value(node.dimension))

        return judge

    def labels(self, name: str, one: Total, filters: Sequence[Filter]) -> list[Value]:
        """Return the labels a total counts under; none where the value is not known and such have no group."""
        if name == GOAL:
            return [goal.display_name for goal in goals_in_play(filters, self.goals) if one.converts(goal)]
        if is_time(name):
            return [self.bucket(name, one.day)]
        value = one.value(name)
        is_dropped = "utm_" in name or name in COLUMNS["locations"]
        if value in {"", 0}:
            text = "(none)" if name in EVENTS_WITH else TEXT_OF_ABSENCE.get(name, "")
            return [] if is_dropped else [text]
        return [value]

    def bucket(self, name: str, day: date) -> str:
        first, _ = days_of(self.span)
        if name == "time:week":
            return str(max(day - timedelta(days=day.weekday()), first))
        return str(day) if name == "time:day" else f"{day:%Y-%m}-01"


def product(parts: Sequence[Sequence[Value]]) -> list[tuple[Value, ...]]:
    groups: list[tuple[Value, ...]] = [()]
    for part in parts:
        groups = [(*group, value) for group in groups for value in part]
    return groups


def total(ones: Sequence[Total], name: str) -> int:
    return sum(one.count(name) for one in ones)


# ---- What they add ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Own:
    """What our own events say of a group: the metric, its visits, its engagement, and how deep its visits scrolled."""

    value: Value
    visits: int
    engaged_seconds: int
    engaged_visits: int
    depths: Sequence[int]


def merged(metric: str, own: Own, ones: Sequence[Total]) -> Value:
    """Return a metric of a group that both tell of; rates of a denominator are the caller's."""
    if metric in {"visitors", "visits", "pageviews", "events", *RATES}:
        return int(own.value or 0) + total(ones, "visitors" if metric in RATES else metric)
    if metric == "time_on_page":
        visits = own.engaged_visits + total(ones, "total_time_on_page_visits")
        return round((own.engaged_seconds + total(ones, "total_time_on_page")) / visits) if visits else None
    if metric == "scroll_depth":
        visits = len(own.depths) + total(ones, "total_scroll_depth_visits")
        return round((sum(own.depths) + total(ones, "total_scroll_depth")) / visits) if visits else None
    if metric not in SESSION_METRICS:
        return own.value
    # Pages know neither bounces nor durations, so their visits weigh nothing there.
    whole = ones if metric == "views_per_visit" else [one for one in ones if one.table != "pages"]
    visits, value = total(whole, "visits"), float(own.value or 0)
    if not own.visits + visits:
        return 0
    if metric == "bounce_rate":
        return round(100 * (total(whole, "bounces") + value * own.visits / 100) / (visits + own.visits))
    if metric == "visit_duration":
        return round((total(whole, "visit_duration") + value * own.visits) / (visits + own.visits))
    return round((total(whole, "pageviews") + value * own.visits) / (visits + own.visits), 2)


def percentage(visitors: int, everybody: int, metric: str) -> float | None:
    """Return a rate; only a percentage of nobody is nothing."""
    return share(visitors, everybody) if everybody or metric != "percentage" else None


def landed(name: str) -> str:
    """Return the dimension by which visits are grouped: of pages the one they entered on."""
    return ENTRY_PAGE if name == PAGE else name


def on_landing(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    return tuple(map(with_entry_page, filters))
