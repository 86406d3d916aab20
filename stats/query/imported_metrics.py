"""How a metric is put together of our own events and imported daily totals (stats contract 5.2, merging).

Counts add up. Rates of visits are weighted by visits, our own as it is already rounded. What is a mean over visits adds
sums and visits before it divides. The aggregates here, `i_…`, are columns of a pass over imported totals.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stats.query.metrics import DEPTH, Formula, Total

# Pages tell how many visits saw one, but neither their bounces nor their duration.
_WHOLE_VISITS: Final = "sumIf(visits, report != 'pages')"
VISITORS: Final = "i_visitors"
IMPORTED_AGGREGATES: Final[Mapping[str, str]] = {
    VISITORS: "sum(visitors)",
    "i_visits": "sum(visits)",
    "i_pageviews": "sum(pageviews)",
    "i_events": "sum(events)",
    "i_bounces": "sum(bounces)",
    "i_seconds": "sum(duration)",
    "i_whole_visits": _WHOLE_VISITS,
    "i_depth": "sum(scroll_depth)",
    "i_depth_visits": "sum(scroll_visits)",
    "i_engaged_seconds": "sum(engagement_seconds)",
    "i_engaged_visits": "sum(engaged_visits)",
    **{f"i_{total}": "sum(visitors)" for total in Total},
}
HAS_VISITORS: Final = "sum(visitors) > 0"
# Asked for one of these, days without pageviews do not count, but for custom events, which never have any.
COUNTED_BY_PAGEVIEWS: Final = frozenset({"pageviews", "views_per_visit"})
HAS_PAGEVIEWS: Final = "(pageviews > 0 OR report = 'custom_events')"
DEPTH_VISITS: Final = "e_depth_visits"

_OWN_VISITS: Final = "greatest(s_visits, 0)"


def with_imports(metric: str, formula: Formula) -> Formula:
    """Return a metric's formula over our own rows and imported totals; revenue has no imported part."""
    if metric in _MEANS:
        return _MEANS[metric]
    if metric in _OF_VISITS:
        return _weighted(metric, formula)
    if formula.total is not None:
        return _share(formula, formula.total)
    if (imported := f"i_{metric}") not in IMPORTED_AGGREGATES:
        return formula
    return replace(formula, expression=f"({formula.expression} + {imported})", imported=(imported,))


def _share(formula: Formula, total: Total) -> Formula:
    """Return visitors as percent of a denominator that has imported visitors too."""
    (visitors,) = formula.aggregates
    nobody = "NULL" if total is Total.SELECTED else "0"
    everybody = f"({total} + i_{total})"
    part = f"round(100 * ({visitors} + {VISITORS}) / {everybody}, 2)"
    return replace(formula, expression=f"if({everybody} > 0, {part}, {nobody})", imported=(VISITORS,))


# Of whole visits: the imported sum that belongs to the metric, the visits it is of, and what makes a mean of it.
_OF_VISITS: Final[Mapping[str, tuple[str, str, str]]] = {
    "bounce_rate": ("i_bounces", "i_whole_visits", "round(100 * (i_bounces + {own} * {visits} / 100) / {all})"),
    "visit_duration": ("i_seconds", "i_whole_visits", "round((i_seconds + {own} * {visits}) / {all})"),
    "views_per_visit": ("i_pageviews", "i_visits", "round((i_pageviews + {own} * {visits}) / {all}, 2)"),
}


def _weighted(metric: str, formula: Formula) -> Formula:
    summed, visits, mean = _OF_VISITS[metric]
    everything = f"({visits} + {_OWN_VISITS})"
    text = mean.format_map({"own": formula.expression, "visits": _OWN_VISITS, "all": everything})
    return replace(
        formula,
        expression=f"if({everything} > 0, {text}, 0)",
        aggregates=tuple(dict.fromkeys((*formula.aggregates, "s_visits"))),
        imported=(summed, visits),
    )


_MEANS: Final[Mapping[str, Formula]] = {
    "time_on_page": Formula(
        "if(e_engaged_visits + i_engaged_visits > 0, "
        "toInt64(round((e_engaged_ms / 1000 + i_engaged_seconds) / (e_engaged_visits + i_engaged_visits))), NULL)",
        ("e_engaged_ms", "e_engaged_visits"),
        imported=("i_engaged_seconds", "i_engaged_visits"),
    ),
    "scroll_depth": Formula(
        f"if({DEPTH_VISITS} + i_depth_visits > 0, "
        f"toInt64(round(({DEPTH} + i_depth) / ({DEPTH_VISITS} + i_depth_visits))), NULL)",
        (DEPTH,),
        imported=("i_depth", "i_depth_visits"),
    ),
}
