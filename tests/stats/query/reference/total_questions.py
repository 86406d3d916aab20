"""Random queries that ask for imports, most of them such as one table can answer (stats contract 5.2)."""

from dataclasses import replace

from hypothesis import strategies as st

from stats.query.types import AllOf, AnyOf, Filter, Include, Leaf, Not, Operator, OrderBy, QueryParams
from tests.stats.query.reference.dimensions import GOAL, PAGE
from tests.stats.query.reference.questions import allowed_metrics, comparisons, questions, ranges
from tests.stats.query.reference.totals import COLUMNS, LINKS, NAME, PATH, PATHS, URL
from tests.stats.query.reference.worlds import World

TIMES = ("time", "time:day", "time:week", "time:month", "time:hour")
# Dimensions that are asked about together; goals go with pages or with events.
THEMES = (
    *((*columns, *extra) for columns in COLUMNS.values() for extra in ((), ())),
    *((GOAL,), (GOAL,), (GOAL, PAGE), (GOAL, NAME)),
)
OF_LINKS = {URL: LINKS, PATH: PATHS}


@st.composite
def total_questions(draw: st.DrawFn, world: World) -> QueryParams:
    """Draw a query about a world's days that merges imports where it can."""
    way = draw(st.integers(0, 9))
    if way == 0:
        return with_imports(draw(questions(world)))
    if way == 1:
        dimensions, filters = draw(of_links())
    else:
        theme = tuple(name for name in draw(st.sampled_from(THEMES)) if name not in OF_LINKS)
        grouped = draw(st.lists(st.sampled_from(theme), max_size=2, unique=True)) if theme else []
        time = [draw(st.sampled_from(TIMES))] if draw(st.integers(0, 3)) == 0 else []
        dimensions = (*grouped, *time)
        filters = tuple(draw(st.lists(filters_of(theme), max_size=2))) if theme else ()
    metrics = tuple(draw(st.lists(st.sampled_from(allowed_metrics(dimensions, filters)), min_size=1, unique=True)))
    fields = [*metrics, *(name for name in dimensions if name != GOAL)]
    order = draw(
        st.none() | st.lists(st.builds(OrderBy, st.sampled_from(fields), st.booleans()), max_size=2).map(tuple)
    )
    is_paged = bool(dimensions) and draw(st.booleans())
    params = QueryParams(
        metrics,
        draw(ranges(world)),
        dimensions,
        filters,
        order,
        frozenset({Include.TOTAL_ROWS}) if is_paged else frozenset(),
        draw(st.sampled_from((1, 3, 100))) if is_paged else None,
        draw(st.integers(0, 2)) if is_paged else 0,
    )
    return with_imports(params)


def with_imports(params: QueryParams) -> QueryParams:
    return replace(params, include=params.include | {Include.IMPORTS})


@st.composite
def filters_of(draw: st.DrawFn, theme: tuple[str, ...]) -> Filter:
    """Draw a comparison of one of the dimensions, or, but for goals and hostnames, a small tree of them."""
    leaf = comparisons(theme)
    nested = tuple(name for name in theme if name not in {GOAL, "event:hostname"})
    kind = draw(st.sampled_from(("leaf", "leaf", "not", "and", "or"))) if nested else "leaf"
    if kind == "leaf":
        return draw(leaf)
    inner = comparisons(nested)
    if kind == "not":
        return Not(draw(inner))
    children = tuple(draw(st.lists(inner, min_size=1, max_size=2)))
    return AllOf(children) if kind == "and" else AnyOf(children)


@st.composite
def of_links(draw: st.DrawFn) -> tuple[tuple[str, ...], tuple[Filter, ...]]:
    """Draw dimensions and filters about links, or paths, of the events that have them and sometimes of another."""
    name = draw(st.sampled_from(tuple(OF_LINKS)))
    named = Leaf(
        Operator.IS, NAME, tuple(draw(st.lists(st.sampled_from((*OF_LINKS[name], "other")), min_size=1, unique=True)))
    )
    values = st.sampled_from(("https://a.example/", "/gone", "(none)", "x"))
    told = Leaf(draw(st.sampled_from((Operator.IS, Operator.IS_NOT, Operator.CONTAINS))), name, (draw(values),))
    filters = draw(st.sampled_from(((named,), (named, told), (told,), (named, Not(told)))))
    dimensions: tuple[tuple[str, ...], ...] = ((name,), (name,), (), (NAME,), ("time:day",), (GOAL,))
    return draw(st.sampled_from(dimensions)), filters
