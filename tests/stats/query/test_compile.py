"""What must hold of any statement: values stay out of the text, every table is read for one site only."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import pytest

from accounts.types import SiteId, SiteRef
from goals.types import GoalKind, GoalSpec
from stats.query.build import build_query
from stats.query.compile import Statement, compile_first_event, compile_plan
from stats.query.compile_filters import wildcard_expression
from stats.query.dimensions import DIMENSIONS, GOAL, is_time
from stats.query.funnels import FunnelParams, Unit, build_funnel, compile_funnel
from stats.query.journeys import JourneyParams, Place, PlaceKind, build_journeys, compile_journeys
from stats.query.metrics import METRICS
from stats.query.plan import plan_query
from stats.query.retention import Interval, RetentionParams, build_retention, compile_retention
from stats.query.steps import Step, goal_step
from stats.query.types import (
    AllOf,
    AnyOf,
    DatePair,
    Filter,
    HasDone,
    Include,
    InstantPair,
    Kind,
    Leaf,
    Not,
    Operator,
    QueryParams,
    RangeSpec,
)

SITE = SiteRef(SiteId(774411), "ds_x", "secret-domain.example", "America/St_Johns", "EUR", stats_reset_at=1_700_000_001)
NOW = datetime(2025, 3, 10, tzinfo=UTC)
DAYS = DatePair(date(2025, 3, 1), date(2025, 3, 9))
HOURS = InstantPair(datetime(2025, 3, 1, 7, tzinfo=UTC), datetime(2025, 3, 9, 8, tzinfo=UTC))
SECRET = "zq'secret"
GOALS = (
    GoalSpec(1, SECRET, GoalKind.EVENT, event_name=SECRET, currency="USD"),
    GoalSpec(2, f"{SECRET}2", GoalKind.EVENT, event_name=SECRET, custom_props=((SECRET, "other"),)),
    *(
        GoalSpec(number, f"{SECRET}{number}", kind, page_path=path, scroll_threshold=threshold)
        for number, (path, (kind, threshold)) in enumerate(
            product(
                (f"/{SECRET}", f"/{SECRET}/*", f"/*/{SECRET}", f"/{SECRET}|/zq"),
                ((GoalKind.PAGE, -1), (GoalKind.SCROLL, 57)),
            ),
            3,
        )
    ),
)


def compiled(
    metrics: tuple[str, ...],
    dimensions: tuple[str, ...] = (),
    filters: tuple[Filter, ...] = (),
    span: RangeSpec = DAYS,
) -> Statement:
    params = QueryParams(
        metrics,
        span,
        dimensions,
        filters,
        include=frozenset({Include.TOTAL_ROWS}),
        limit=31337,
        offset=271828,
        hidden=((dimensions[0], (SECRET,)),) if dimensions and dimensions[0] == "visit:source" else (),
    )
    return compile_plan(plan_query(build_query(params, SITE, NOW, goals=GOALS)))


def leaf(name: str, operator: Operator) -> Leaf:
    folds = operator in {Operator.IS, Operator.CONTAINS}
    country = name == "visit:country"
    return Leaf(operator, name, ("zq",) if country else (SECRET, "other"), case_sensitive=False if folds else None)


def statements() -> list[Statement]:
    filtered = [name for name, dimension in DIMENSIONS.items() if not dimension.groups_only and name != GOAL]
    found = [
        compiled(("visitors", "visits"), (), (leaf(name, operator),))
        for name in [*filtered, f"event:props:{SECRET}"]
        for operator in Operator
    ]
    found += [compiled(("visitors", "visits"), (name,)) for name in [*DIMENSIONS, f"event:props:{SECRET}"]]
    goal = Leaf(Operator.CONTAINS, GOAL, (SECRET,))
    for grouping in ((), (GOAL,), ("visit:source",), ("time:hour",), ("event:page", GOAL)):
        for rate in ("conversion_rate", "group_conversion_rate", "percentage"):
            found.append(compiled((rate, "events", "visitors", "average_revenue"), grouping, (goal, HasDone(goal))))
    found.append(compiled(("events", "conversion_rate"), (GOAL,)))
    page, entry = leaf("event:page", Operator.IS), leaf("visit:entry_page", Operator.CONTAINS)
    for tree in (page, entry, AnyOf((page, Not(entry))), Not(AllOf((page, entry))), HasDone(page)):
        found.append(compiled(tuple(METRICS)[:-1], (), (tree, page, goal)))
        found.append(compiled(tuple(METRICS)[:-1], ("event:page", "visit:source", "time:hour"), (tree, goal)))
        found.append(compiled(("visitors", "bounce_rate"), ("time:hour", "visit:exit_page"), (tree,)))
        found.append(compiled(("visits",), ("event:name", "visit:exit_page", "visit:region_name"), (tree,)))
    return [*found, *analyses(), compile_first_event(SITE.id, 1_700_000_001)]


def analyses() -> Iterator[Statement]:
    """Yield statements of funnels, retention and journeys, of each sort, over whole days and over hours."""
    page, goal = Step("", leaf("event:page", Operator.IS), SECRET), goal_step(f"{SECRET}5", "")
    place = Place(PlaceKind.PAGE, SECRET), Place(PlaceKind.GOAL, f"{SECRET}4")
    trees: tuple[tuple[Filter, ...], ...] = (
        (),
        (leaf("visit:entry_page", Operator.CONTAINS), HasDone(leaf("event:name", Operator.IS))),
    )
    spans: tuple[RangeSpec, ...] = (DAYS, HOURS)
    for span, tree in product(spans, trees):
        query = QueryParams(("visitors",), span, (), tree, include=frozenset({Include.TOTAL_ROWS}), limit=31337)
        for name, unit, within in (((), Unit.VISITS, None), (("visit:exit_page",), Unit.VISITORS, 271828)):
            params = FunnelParams(replace(query, dimensions=name), (page, goal, page), None, unit, within)
            yield compile_funnel(build_funnel(params, SITE, NOW, goals=GOALS))
        weekly = replace(query, dimensions=("time:week",))
        for first, returning in ((None, None), (page, None), (None, goal), (goal, page)):
            asked = RetentionParams(weekly, Interval.WEEK, first, returning)
            yield compile_retention(build_retention(asked, SITE, NOW, goals=GOALS))
        for shown, start, end in (((), None, None), (None, place[0], None), ((SECRET,), None, place[1])):
            ways = JourneyParams(replace(query, offset=271828), 4, shown, start, end)
            yield compile_journeys(build_journeys(ways, SITE, NOW, goals=GOALS))


def test_values_never_enter_the_text() -> None:
    """Dates, instants and the numbers of a page do: they are written anew from typed values, not from what was sent."""
    for statement in statements():
        for value in (SECRET, "zq", "other", "774411", "1700000001", "St_Johns"):
            assert value not in statement.sql


def test_every_table_read_is_restricted_to_the_site() -> None:
    for statement in statements():
        reads = re.findall(r"FROM (?:events|sessions)\b(.*?)(?=FROM (?:events|sessions)\b|$)", statement.sql)
        assert reads
        assert len(re.findall(r"site_id = \{site:UInt32\}", statement.sql)) == len(reads), statement.sql
        assert statement.params["site"] == SITE.id


def test_placeholders_and_parameters_are_the_same() -> None:
    for statement in statements():
        assert set(re.findall(r"\{(\w+):", statement.sql)) == set(statement.params)


@pytest.mark.parametrize(
    ("metrics", "dimensions", "of_hours", "of_days"),
    [
        (("visitors", "bounce_rate"), (), ["sessions"], ["sessions"]),
        (("visitors", "pageviews"), (), ["events"], ["sessions"]),
        (("visitors", "pageviews", "bounce_rate"), (), ["events", "sessions"], ["sessions"]),
        (("pageviews", "bounce_rate"), ("time:day",), ["events", "sessions"], ["sessions", "sessions"]),
        (("pageviews", "bounce_rate"), ("time:hour",), ["events", "sessions"], ["events", "sessions"]),
        (("visitors", "percentage"), ("visit:source",), ["sessions", "events"], ["sessions", "sessions"]),
        (("visitors",), ("event:page",), ["events"], ["events"]),
        (("bounce_rate",), ("event:page",), ["sessions"], ["sessions"]),
    ],
)
def test_each_question_reads_the_tables_it_needs(
    metrics: tuple[str, ...], dimensions: tuple[str, ...], of_hours: list[str], of_days: list[str]
) -> None:
    for span, tables in ((HOURS, of_hours), (DAYS, of_days)):
        assert re.findall(r"FROM (events|sessions)", compiled(metrics, dimensions, span=span).sql) == tables


@pytest.mark.parametrize(
    ("dimension", "skips"),
    [("visit:source", False), ("visit:exit_page", True), ("time:day", True), ("time:hour", False)],
)
def test_replaced_states_are_looked_up_only_where_they_could_be_counted(dimension: str, skips: bool) -> None:
    assert ("sessions FINAL" in compiled(("visitors",), (dimension,)).sql) is skips


def test_every_attribute_is_on_both_tables_and_needs_no_other() -> None:
    for name, dimension in DIMENSIONS.items():
        if dimension.kind is Kind.EITHER and not is_time(name):
            assert "FROM events" not in compiled(("visitors",), (name,)).sql
            assert "FROM sessions" not in compiled(("pageviews",), (name,), span=HOURS).sql
            assert "FROM events" not in compiled(("pageviews",), (name,)).sql


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("/blog*", ["/blog", "/blog/a/b"], ["/x/blog"]),
        ("/**/post", ["/a/post", "/a/b/post"], ["/post", "/a/post/"]),
        ("/a.b", ["/a.b"], ["/axb", "/a.bc"]),
        ("/a|/b", ["/a", "/ax", "x/b"], ["/c"]),
    ],
)
def test_path_patterns_are_anchored_and_literal_but_for_stars_and_bars(
    pattern: str, matching: list[str], other: list[str]
) -> None:
    expression = re.compile(wildcard_expression(pattern))
    assert [text for text in matching + other if expression.search(text)] == matching
