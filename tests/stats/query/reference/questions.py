"""Random queries that the rules of the stats contract allow (1.5 to 1.8)."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from hypothesis import strategies as st

from stats.query.types import (
    AllOf,
    AnyOf,
    Clause,
    DatePair,
    Filter,
    HasDone,
    Include,
    InstantPair,
    Leaf,
    Not,
    Operator,
    OrderBy,
    QueryParams,
    RangeSpec,
)
from tests.stats.query.reference.dimensions import (
    ATTRIBUTES,
    ENDS,
    GOAL,
    HOSTNAME,
    PAGE,
    PROPERTY,
    is_of_events,
    is_of_sessions,
    is_time,
)
from tests.stats.query.reference.metrics import EITHER_METRICS, EVENT_METRICS, SESSION_METRICS
from tests.stats.query.reference.selection import EXACT, MATCHING, dimensions_in
from tests.stats.query.reference.time_buckets import ONE_DAY, start_of
from tests.stats.query.reference.worlds import GOALS, HOSTS, PATHS, World

PLAN, LANG = f"{PROPERTY}plan", f"{PROPERTY}lang"
# Chosen from evenly, so that what the rules turn on is met as often as the many attributes.
DIMENSIONS = (
    (PAGE,),
    (GOAL,),
    ("event:name", HOSTNAME, PLAN, LANG),
    tuple(ENDS),
    tuple(ATTRIBUTES),
    ("visit:source", "visit:country", "visit:utm_source", "visit:entry_page", "visit:exit_page"),
    ("time", "time:hour"),
    ("time:day", "time:week", "time:month"),
)
# What a query has a top-level filter of, so that rules which need one are met often.
THEMES = ((), (), (), (GOAL,), (GOAL, GOAL), (HOSTNAME,), (PAGE,), (PAGE,))
VALUES: Mapping[str, tuple[Clause, ...]] = {
    PAGE: (*PATHS, "/none"),
    GOAL: tuple(goal.display_name for goal in GOALS),
    "event:name": ("pageview", "engagement", "Signup", "Purchase", "other"),
    HOSTNAME: (*HOSTS, "other.example"),
    PLAN: ("pro", "free", "Pro", "(none)"),
    LANG: ("de", "en", "(none)"),
    "visit:entry_page": (*PATHS, "", "(not set)"),
    "visit:exit_page": (*PATHS, "", "(not set)"),
    "visit:entry_page_hostname": (*HOSTS, "(not set)"),
    "visit:exit_page_hostname": (*HOSTS, "(not set)"),
    "visit:source": ("Google", "google", "DirectX.com", "Direct / None", "(not set)"),
    "visit:referrer": ("google.com", "news.example/a", "Direct / None", "(not set)"),
    "visit:channel": ("Direct", "Organic Search", "Referral", "(not set)"),
    "visit:utm_source": ("News", "Direct / None", "(not set)"),
    "visit:utm_medium": ("cpc", "(not set)"),
    "visit:utm_campaign": ("Spring", "(not set)"),
    "visit:utm_content": ("a", "(not set)"),
    "visit:utm_term": ("tea", "(not set)"),
    "visit:device": ("Desktop", "(not set)"),
    "visit:screen": ("Desktop", "(not set)"),
    "visit:browser": ("Chrome", "Firefox", "(not set)"),
    "visit:browser_version": ("128.0", "(not set)"),
    "visit:os": ("Mac", "(not set)"),
    "visit:os_version": ("14", "(not set)"),
    "visit:country": ("EE", "DE", "US", "ZZ"),
    "visit:country_name": ("Estonia", "Germany", "(not set)"),
    "visit:region": ("US-MD", "DE-BE", "(not set)"),
    "visit:region_name": ("Maryland", "Berlin"),
    "visit:city": (4347778, 2950159, 1),
    "visit:city_name": ("Berlin", "4347778", "Køge, Sjælland", "(not set)"),
}
OF_EVENTS_ONLY = tuple(name for name in VALUES if is_of_events(name))
NESTABLE = tuple(name for name in VALUES if name not in {GOAL, HOSTNAME})
OPERATORS = tuple(Operator)
DAYS = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2), (-1, 2), (-1, 1), (-3, 2), (-8, 45), (-20, 380))
INSTANTS_S = (-7200, -600, 0, 299, 1200, 3600, 40_000)
LENGTHS_S = (0, 300, 3599, 7200, 90_000, 49 * 3600, 8 * 86_400)


@st.composite
def questions(draw: st.DrawFn, world: World) -> QueryParams:
    """Draw a query about a world's days."""
    dimensions = draw(groupings())
    themed = [draw(comparisons((name,))) for name in draw(st.sampled_from(THEMES))]
    free = [draw(filters_of(tuple(VALUES))) for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2))))]
    filters = (*themed, *free)
    metrics = tuple(draw(st.lists(st.sampled_from(allowed_metrics(dimensions, filters)), min_size=1, unique=True)))
    fields = [*metrics, *(name for name in dimensions if name != GOAL)]
    order = st.lists(st.builds(OrderBy, st.sampled_from(fields), st.booleans()), max_size=3)
    is_paged = bool(dimensions) and draw(st.booleans())
    return QueryParams(
        metrics,
        draw(ranges(world)),
        dimensions,
        filters,
        draw(st.none() | order.map(tuple)),
        frozenset({Include.TOTAL_ROWS}) if is_paged else frozenset(),
        draw(st.sampled_from((1, 2, 5, 10_000))) if is_paged else None,
        draw(st.integers(0, 3)) if is_paged else 0,
    )


@st.composite
def groupings(draw: st.DrawFn) -> tuple[str, ...]:
    """Draw up to three dimensions, one of time at most."""
    pools = [draw(st.sampled_from(DIMENSIONS)) for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3))))]
    names = list(dict.fromkeys(draw(st.sampled_from(pool)) for pool in pools))
    times = [name for name in names if is_time(name)]
    return tuple(name for name in names if name not in times[1:])


@st.composite
def ranges(draw: st.DrawFn, world: World) -> RangeSpec:
    """Draw a pair of dates, or of instants, around the world's first day."""
    if draw(st.integers(0, 4)):
        first, last = draw(st.sampled_from(DAYS))
        return DatePair(world.first + first * ONE_DAY, world.first + last * ONE_DAY)
    start = start_of(world.zone, world.first + draw(st.integers(0, 2)) * ONE_DAY)
    start += timedelta(seconds=draw(st.sampled_from(INSTANTS_S)))
    return InstantPair(start, start + timedelta(seconds=draw(st.sampled_from(LENGTHS_S))))


def allowed_metrics(dimensions: Sequence[str], filters: Sequence[Filter]) -> list[str]:
    """Return the metrics that fit dimensions and filters (1.8)."""
    leaves_at_top = [node.dimension for node in filters if isinstance(node, Leaf)]
    anywhere = dimensions_in(filters, inside_behaviour=False)
    nested = dimensions_in([node for node in filters if not isinstance(node, Leaf)])
    allowed = ["visitors", "visits", "percentage"]
    if (GOAL in dimensions or GOAL in leaves_at_top) and not any(name.startswith(PROPERTY) for name in nested):
        allowed += [name for name in EITHER_METRICS if name.endswith("conversion_rate")]
    if not any(map(is_of_sessions, dimensions)):
        needs = {
            "scroll_depth": PAGE in dimensions or PAGE in leaves_at_top,
            "time_on_page": PAGE in dimensions or PAGE in anywhere,
        }
        allowed += [name for name in EVENT_METRICS if needs.get(name, True)]
    if [name for name in dimensions if is_of_events(name)] in ([], [PAGE]):
        is_whole = not dimensions and PAGE not in anywhere
        allowed += [name for name in SESSION_METRICS if name != "views_per_visit" or is_whole]
    return allowed


@st.composite
def filters_of(draw: st.DrawFn, names: tuple[str, ...], *, depth: int = 0) -> Filter:
    """Draw a comparison of one of the dimensions, or a tree of them."""
    kinds = ["leaf", "leaf", "leaf", "not", "and", "or"]
    kinds += ["done"] if names is not OF_EVENTS_ONLY else []
    kind = draw(st.sampled_from(kinds)) if depth < 2 else "leaf"
    if kind == "leaf":
        return draw(comparisons(names))
    if kind == "done":
        return HasDone(draw(filters_of(OF_EVENTS_ONLY, depth=depth + 1)), negated=draw(st.booleans()))
    inner = filters_of(NESTABLE if names is not OF_EVENTS_ONLY else names, depth=depth + 1)
    if kind == "not":
        return Not(draw(inner))
    children = tuple(draw(st.lists(inner, min_size=1, max_size=3)))
    return AllOf(children) if kind == "and" else AnyOf(children)


@st.composite
def comparisons(draw: st.DrawFn, names: tuple[str, ...]) -> Leaf:
    """Draw a comparison of one dimension, with the operators and clauses that it takes."""
    pools = [pool for pool in ([name for name in pool if name in names] for pool in DIMENSIONS) if pool]
    name = draw(st.sampled_from(draw(st.sampled_from(pools))))
    operators: Sequence[Operator] = OPERATORS
    if name == GOAL:
        operators = (Operator.IS, Operator.CONTAINS)
    elif name == "visit:city":
        operators = tuple(EXACT)
    operator = draw(st.sampled_from(sorted(operators)))
    values = st.sampled_from(VALUES[name])
    case_sensitive = None
    if operator in EXACT:
        clauses = values
        case_sensitive = draw(st.sampled_from((None, None, True, False)))
    elif operator in {Operator.CONTAINS, Operator.CONTAINS_NOT}:
        clauses = st.builds(piece, values, st.integers(0, 3))
        case_sensitive = draw(st.sampled_from((None, True, False)))
    elif operator in MATCHING:
        clauses = st.builds(expression, values, st.integers(0, 3))
    else:
        clauses = st.builds(wildcard, values, st.integers(0, 3))
    found = draw(st.lists(clauses, min_size=1, max_size=3, unique=True)) if draw(st.integers(0, 15)) else []
    if case_sensitive is False and name != "visit:country":
        found = [clause.upper() if isinstance(clause, str) and clause[:1] != "(" else clause for clause in found]
    return Leaf(operator, name, tuple(found), case_sensitive)


def piece(value: Clause, way: int) -> str:
    """Return a part of a value."""
    text = str(value)
    return (text, text[:3], text[1:4], text[-2:])[way]


def expression(value: Clause, way: int) -> str:
    """Return a regular expression that fits a value, or the empty text."""
    plain = re.sub(r"\W", ".", str(value))
    return (f"^{plain}$", f"^{plain[:2]}", f"{plain[-2:]}$|^$", f"[{plain[:1] or 'x'}-z]")[way]


def wildcard(value: Clause, way: int) -> str:
    """Return a pattern of stars and bars that fits a value."""
    text = str(value)
    return (text, f"{text[:2]}*", f"**{text[-2:]}", f"{text[:1]}*|other")[way]
