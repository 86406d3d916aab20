"""How long funnels, retention and journeys take on the yardstick's events, and how little memory they do with.

    python tests/benchmarks/analyses.py STORE [--rounds 5]

STORE is the directory that `queries.py load` filled. Each analysis runs on the big and on the small site, over 30 days
and over the whole range, its SQL compiled each time; the median of the rounds is printed, on the clock and of all cores
together, which other work on the machine moves less. Then it runs on the big site, whole range, under ever lower limits
of memory for one statement, and the lowest that it does with is printed.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analytics_project.settings")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
django.setup()

from accounts.types import SiteId, SiteRef  # noqa: E402 - after Django knows its settings
from analytics_project.errors import StoreUnavailable  # noqa: E402
from goals.types import GoalKind, GoalSpec  # noqa: E402
from stats.query.compile import Statement  # noqa: E402
from stats.query.funnels import FunnelParams, Unit, build_funnel, compile_funnel  # noqa: E402
from stats.query.journeys import JourneyParams, Place, PlaceKind, build_journeys, compile_journeys  # noqa: E402
from stats.query.retention import Interval, RetentionParams, build_retention, compile_retention  # noqa: E402
from stats.query.steps import Step, goal_step  # noqa: E402
from stats.query.types import DatePair, Leaf, Operator, QueryParams  # noqa: E402
from stats.store.client import EventStore, Limits, open_store  # noqa: E402

NOW: Final = datetime(2026, 10, 29, 23, 55, tzinfo=UTC)
SITES: Final = {"big": 1, "small": 50}
RANGES: Final = {
    "30d": DatePair(date(2026, 9, 30), date(2026, 10, 29)),
    "90d": DatePair(date(2026, 8, 1), date(2026, 10, 29)),
}
GOALS: Final = (
    GoalSpec(1, "Signup", GoalKind.EVENT, event_name="Signup"),
    GoalSpec(2, "Visit /blog/*", GoalKind.PAGE, page_path="/blog/*"),
    GoalSpec(3, "Visit /", GoalKind.PAGE, page_path="/"),
)
ANY_VIEW: Final = Step("", Leaf(Operator.IS, "event:name", ("pageview",)), "Any view")
STEPS: Final = tuple(goal_step(name, "") for name in ("Visit /", "Visit /blog/*", "Signup"))
_PATIENT: Final = Limits(max_seconds=600)
MEGABYTES: Final = (2000, 1000, 500, 250, 125)

Maker = Callable[[QueryParams, SiteRef], Statement]


def _funnel(steps: tuple[Step, ...], **more: object) -> Maker:
    def make(query: QueryParams, site: SiteRef) -> Statement:
        params = replace(FunnelParams(query, steps), **more)  # type: ignore[arg-type]
        return compile_funnel(build_funnel(params, site, NOW, goals=GOALS))

    return make


def _retention(first: Step | None = None) -> Maker:
    def make(query: QueryParams, site: SiteRef) -> Statement:
        params = RetentionParams(replace(query, dimensions=("time:week",)), Interval.WEEK, first)
        return compile_retention(build_retention(params, site, NOW, goals=GOALS))

    return make


def _journeys(**more: object) -> Maker:
    def make(query: QueryParams, site: SiteRef) -> Statement:
        params = replace(JourneyParams(query), **more)  # type: ignore[arg-type]
        return compile_journeys(build_journeys(params, site, NOW, goals=GOALS))

    return make


ANALYSES: Final[Mapping[str, Maker]] = {
    "funnel of 3 steps": _funnel(STEPS),
    "funnel of 3 steps by visit, 30m": _funnel(STEPS, unit=Unit.VISITS, within_s=1800),
    "funnel of 3 times any view": _funnel((ANY_VIEW,) * 3),
    "funnel of 8 times any view": _funnel((ANY_VIEW,) * 8),
    "retention by week": _retention(),
    "retention by week from a goal": _retention(STEPS[2]),
    "journeys of 4": _journeys(),
    "journeys of 4 to a goal": _journeys(end=Place(PlaceKind.GOAL, "Signup")),
    "journeys of 10 with goals": _journeys(depth=10, goals=None),
}


def statement(make: Maker, site_id: int, span: str) -> Statement:
    """Return the statement of an analysis of one of the generated sites."""
    query = QueryParams(("visitors",), RANGES[span], limit=100)
    return make(query, SiteRef(SiteId(site_id), "ds_", "site.example", "Europe/Berlin", "EUR"))


def seconds(store: EventStore, make: Maker, site_id: int, span: str) -> tuple[float, float]:
    """Return how long one run took, on the clock and of the cores."""
    started, used = time.perf_counter(), time.process_time()
    compiled = statement(make, site_id, span)
    store.read_rows(compiled.sql, compiled.params, tag="benchmark")
    return time.perf_counter() - started, time.process_time() - used


def least_memory(url: str, make: Maker) -> int:
    """Return the lowest of the limits, in megabytes, with which the big site's whole range is answered; 0 for none."""
    least = 0
    for megabytes in MEGABYTES:
        store = open_store(url, read_limits=Limits(max_seconds=600, max_bytes=megabytes * 1_000_000))
        try:
            seconds(store, make, SITES["big"], "90d")
        except StoreUnavailable:
            break
        least = megabytes
    return least


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    url = f"chdb://{given.store.resolve()}"
    store = open_store(url, read_limits=_PATIENT)
    for name, make in ANALYSES.items():
        for site, site_id in SITES.items():
            for span in RANGES:
                times = [seconds(store, make, site_id, span) for _ in range(given.rounds + 1)][1:]
                clock, cores = (statistics.median(each) * 1000 for each in zip(*times, strict=True))
                print(f"{name:34}{site:7}{span:5}{clock:9.0f} ms{cores:9.0f} ms of cores", flush=True)
    for name, make in ANALYSES.items():
        print(f"{name:34}{least_memory(url, make):6} MB", flush=True)


if __name__ == "__main__":
    main()
