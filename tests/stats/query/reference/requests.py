"""Random requests that v1's rules allow (stats contract 3.1 to 3.5)."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.stats.query.reference.dimensions import GOAL, HOSTNAME, PAGE, PROPERTY
from tests.stats.query.reference.questions import LANG, PLAN, VALUES, wildcard
from tests.stats.query.reference.time_buckets import ONE_DAY
from tests.stats.query.reference.v1 import Request
from tests.stats.query.reference.worlds import World

METRICS = (
    *("visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration", "views_per_visit"),
    *("conversion_rate", "time_on_page"),
)
OF_WHOLE_VISITS = {"visits", "bounce_rate", "visit_duration", "views_per_visit"}
PROPERTIES = (
    *(PAGE, GOAL, "event:name", PLAN, LANG, "visit:entry_page", "visit:exit_page"),
    *("visit:source", "visit:channel", "visit:referrer", "visit:utm_source", "visit:utm_medium", "visit:device"),
    *("visit:browser", "visit:browser_version", "visit:os_version", "visit:country", "visit:region", "visit:city"),
)
FILTERED = tuple(name for name in (*PROPERTIES, HOSTNAME) if name != "visit:city")
DAYS = ((0, 0), (0, 0), (1, 1), (1, 1), (0, 1), (1, 2), (2, 2), (-3, 2), (-20, 40))


@st.composite
def requests(draw: st.DrawFn, world: World) -> Request:
    """Draw a request about a world's days."""
    endpoint = draw(st.sampled_from(("aggregate", "timeseries", "breakdown")))
    named = draw(st.sampled_from(PROPERTIES)) if endpoint == "breakdown" else ""
    filters = tuple(draw(st.lists(filters_of(), max_size=2)))
    allowed = allowed_metrics(named, [name for name, _, _ in filters])
    first, last = draw(st.sampled_from(DAYS))
    return Request(
        endpoint,
        world.first + first * ONE_DAY,
        world.first + last * ONE_DAY,
        tuple(draw(st.lists(st.sampled_from(allowed), min_size=1, unique=True))),
        filters,
        named,
        draw(st.sampled_from(("", "", "day", "month"))),
        endpoint != "timeseries" and draw(st.booleans()),
        draw(st.sampled_from((1, 2, 100))),
        draw(st.sampled_from((1, 1, 2))),
    )


@st.composite
def filters_of(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw `prop==a|b`, `prop!=a` or a pattern with stars."""
    name = draw(st.sampled_from(FILTERED))
    values = st.sampled_from([str(value) for value in VALUES[name] if value != ""])
    if name == GOAL:
        return name, "==", "|".join(draw(st.lists(values, min_size=1, max_size=2, unique=True)))
    sign = draw(st.sampled_from(("==", "!=")))
    if name != "visit:country" and draw(st.booleans()):
        text = wildcard(draw(values), draw(st.integers(1, 3)))
        return name, sign, text
    most = 2 if sign == "==" else 1
    return name, sign, "|".join(draw(st.lists(values, min_size=1, max_size=most, unique=True)))


def allowed_metrics(named: str, filtered: Sequence[str]) -> list[str]:
    """Return the metrics that fit a property and filters (3.1)."""
    of_events = [name for name in (named, *filtered) if name in {"event:name", GOAL} or name.startswith(PROPERTY)]
    refused = set(OF_WHOLE_VISITS) if of_events else set()
    if named or PAGE in filtered:
        refused.add("views_per_visit")
    if GOAL not in (named, *filtered):
        refused.add("conversion_rate")
    if {GOAL, "event:name"} & set(filtered) or named not in {"", PAGE} or (not named and PAGE not in filtered):
        refused.add("time_on_page")
    return [name for name in METRICS if name not in refused]
