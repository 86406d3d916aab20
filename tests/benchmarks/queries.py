"""Our compiled SQL beside a peer's, on one engine in one process: the ratio of their times, query by query.

    python tests/benchmarks/queries.py load STORE                   once: our tables, from the peer's
    python tests/benchmarks/queries.py run STORE YARDSTICK [--rounds 15] [--only WORD] [--show]

STORE is the directory that `YARDSTICK/anchor_queries.py setup` filled; that program, its schema and SQL are the peer's
and no part of this repository. Both sides read through `EventStore`, in turn, after one round that is not counted; our
side starts from a parsed request, and its SQL is compiled each time.
"""

import argparse
import importlib.util
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analytics_project.settings")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
django.setup()

from accounts.types import SiteId, SiteRef  # noqa: E402 - after Django knows its settings
from goals.types import GoalKind, GoalSpec  # noqa: E402
from stats.query.build import build_query  # noqa: E402
from stats.query.compile import Statement, compile_plan  # noqa: E402
from stats.query.dates import LAST_INSTANT  # noqa: E402
from stats.query.plan import plan_query  # noqa: E402
from stats.query.types import (  # noqa: E402
    DatePair,
    InstantPair,
    Leaf,
    Operator,
    QueryParams,
    RangeSpec,
)
from stats.store.client import EventStore, open_store  # noqa: E402
from stats.store.migrations import all_migrations, migrate  # noqa: E402
from stats.store.schema import EVENT_COLUMNS, SESSION_COLUMNS  # noqa: E402

ZONE: Final = "Europe/Berlin"
NOW: Final = datetime(2026, 10, 29, 23, 55, tzinfo=UTC)
SITES: Final = {"big": 1, "small": 50}
MONTH: Final = DatePair(date(2026, 9, 30), date(2026, 10, 29))
WHOLE: Final = DatePair(date(2026, 8, 1), date(2026, 10, 29))
ONE_DAY: Final = DatePair(date(2026, 10, 28), date(2026, 10, 28))
GOALS: Final = (
    GoalSpec(1, "Signup", GoalKind.EVENT, event_name="Signup"),
    GoalSpec(2, "Purchase", GoalKind.EVENT, event_name="Purchase"),
    GoalSpec(3, "Visit /blog/*", GoalKind.PAGE, page_path="/blog/*"),
    GoalSpec(4, "Visit /", GoalKind.PAGE, page_path="/"),
    GoalSpec(5, "Read docs", GoalKind.SCROLL, page_path="/docs/*", scroll_threshold=75),
)
GERMAN_CHROME: Final = (
    Leaf(Operator.IS, "visit:country", ("DE",)),
    Leaf(Operator.IS, "visit:browser", ("Chrome",)),
)
PER_VISITS: Final = ("visitors", "percentage", "bounce_rate", "visit_duration")


def asked(
    metrics: Sequence[str],
    dimensions: Sequence[str] = (),
    span: RangeSpec = MONTH,
    filters: tuple[Leaf, ...] = (),
    limit: int = 100,
) -> QueryParams:
    """Return a request as the parser of v2 makes it."""
    return QueryParams(tuple(metrics), span, tuple(dimensions), filters, limit=limit)


TOP_STATS: Final = ("visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration")
DAY_SERIES: Final = ("visitors", "visits", "pageviews", "bounce_rate", "visit_duration")
PAGES: Final = ("visitors", "percentage", "pageviews", "bounce_rate", "time_on_page", "scroll_depth")

# The yardstick's names; its sparklines over 24 sites have no counterpart in a query of one site.
REQUESTS: Final[Mapping[str, QueryParams]] = {
    "top_stats_30d": asked(TOP_STATS),
    "timeseries_day_30d": asked(["visitors"], ["time:day"]),
    "timeseries_day_30d_all_metrics": asked(DAY_SERIES, ["time:day"]),
    "timeseries_hour_1d": asked(["visitors"], ["time:hour"], ONE_DAY),
    "pages_30d_top9_visitors": asked(["visitors", "percentage"], ["event:page"], limit=9),
    "pages_30d_top100_no_scroll": asked(PAGES[:-1], ["event:page"]),
    "pages_30d_top100_all_metrics": asked(PAGES, ["event:page"]),
    "sources_30d": asked(PER_VISITS, ["visit:source"]),
    "countries_30d": asked(["visitors", "percentage"], ["visit:country"]),
    "entry_pages_30d": asked(PER_VISITS, ["visit:entry_page"]),
    "top_stats_30d_country_browser": asked(TOP_STATS, filters=GERMAN_CHROME),
    "sources_30d_country_browser": asked(PER_VISITS, ["visit:source"], filters=GERMAN_CHROME),
    "pages_30d_country_browser": asked(["visitors", "percentage"], ["event:page"], filters=GERMAN_CHROME, limit=9),
    "sources_30d_page_filter": asked(PER_VISITS, ["visit:source"], filters=(Leaf(Operator.IS, "event:page", ("/",)),)),
    "goals5_30d": asked(["visitors", "events", "conversion_rate"], ["event:goal"]),
    "custom_prop_30d": asked(["visitors", "events", "percentage"], ["event:props:author"]),
    "realtime_5min": asked(
        ["visitors"],
        span=InstantPair(datetime(2026, 10, 29, 23, 50, tzinfo=UTC), LAST_INSTANT),
        filters=(Leaf(Operator.IS_NOT, "event:name", ("engagement",)),),
    ),
    "top_stats_full_range": asked(TOP_STATS, span=WHOLE),
    "timeseries_week_full_range": asked(["visitors"], ["time:week"], WHOLE),
    "pages_full_range_all_metrics": asked(PAGES, ["event:page"], WHOLE),
    "sources_full_range": asked(PER_VISITS, ["visit:source"], WHOLE),
}

# What our columns are called, or made of, in the peer's tables; others have the same name there.
_PEER_NAMES: Final = {
    "visitor_id": "user_id",
    "source": "referrer_source",
    "device": "screen_size",
    "os": "operating_system",
    "os_version": "operating_system_version",
    "click_id_param": "''",
}
_OF_EVENTS: Final = {
    "day": f"toDate(toTimeZone(timestamp, '{ZONE}'))",
    "prop_keys": "`meta.key`",
    "prop_values": "`meta.value`",
}
_OF_SESSIONS: Final = {
    "day": f"toDate(toTimeZone(start, '{ZONE}'))",
    "visit_day": f"toDate(toTimeZone(start, '{ZONE}'))",
    "prop_keys": "`entry_meta.key`",
    "prop_values": "`entry_meta.value`",
    "is_visit": "1",
    "carried_pageviews": "0",
    "carried_events": "0",
}


def load(store: EventStore) -> None:
    """Fill our tables from the peer's, merge both sides' parts, and print what a row takes on the disk."""
    migrate(store)
    for table, source, columns, special in (
        ("events", "peer.events_v2", EVENT_COLUMNS, _OF_EVENTS),
        ("sessions", "peer.sessions_v2", SESSION_COLUMNS, _OF_SESSIONS),
    ):
        named = {**_PEER_NAMES, **special}
        store.execute(f"TRUNCATE TABLE {table}", tag="load")
        store.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(named.get(name, name) for name in columns)} FROM {source}",
            tag="load",
            settings=_UNLIMITED,
        )
    for statement in all_migrations()[4].statements(""):  # notes what events lie on other days than their visits began
        store.execute(statement, tag="load", settings=_UNLIMITED)
    for table in ("events", "sessions"):
        store.execute(f"OPTIMIZE TABLE {table} FINAL", tag="load", settings=_UNLIMITED)
    sizes = store.read_rows(
        "SELECT database, table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active "
        "AND table IN ('events', 'sessions', 'events_v2', 'sessions_v2') GROUP BY database, table ORDER BY ALL",
        tag="load",
    )
    for size in sizes:
        print(
            f"{size['database']}.{size['table']}: {size['rows']} rows, {int(size['bytes']) / int(size['rows']):.1f} B"
        )


_UNLIMITED: Final = {"max_execution_time": 0, "max_memory_usage": 0, "max_threads": 2}


@dataclass(frozen=True)
class Timed:
    """Milliseconds of the counted rounds, and the rows of the last."""

    times_ms: list[float]
    rows: list[dict[str, Any]]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms)


def compiled(params: QueryParams, site_id: int) -> Statement:
    """Return the statement of a request about one of the generated sites."""
    site = SiteRef(SiteId(site_id), "ds_", "site.example", ZONE, "EUR")
    return compile_plan(plan_query(build_query(params, site, NOW, goals=GOALS)))


def in_turn(rounds: int, *sides: Callable[[], list[dict[str, Any]]]) -> list[Timed]:
    """Return the times of both sides, each round running one after the other."""
    timed = [Timed([], side()) for side in sides]
    for _ in range(rounds):
        for number, side in enumerate(sides):
            started = time.perf_counter()
            rows = side()
            timed[number] = Timed([*timed[number].times_ms, (time.perf_counter() - started) * 1000], rows)
    return timed


def run(store: EventStore, yardstick: ModuleType, rounds: int, only: str, show: bool) -> None:
    """Print a line per site and query, and the geometric mean of each site's ratios."""
    for kind, site_id in SITES.items():
        ratios = []
        for name, span, variants in yardstick.QUERIES:
            if name not in REQUESTS or only not in name:
                continue
            peer_sql = variants["peer"]({**span, "site": site_id})
            peer_sql = peer_sql.replace("events_v2", "peer.events_v2").replace("sessions_v2", "peer.sessions_v2")
            params = REQUESTS[name]

            def ours(params: QueryParams = params, site_id: int = site_id) -> list[dict[str, Any]]:
                statement = compiled(params, site_id)
                return store.read_rows(statement.sql, statement.params, tag="benchmark")

            peer, our = in_turn(rounds, lambda sql=peer_sql: store.read_rows(sql, tag="benchmark"), ours)  # type: ignore[misc]
            ratios.append(peer.median_ms / our.median_ms)
            print(f"{kind:6}{name:32}{peer.median_ms:9.1f} ms {our.median_ms:9.1f} ms   x{ratios[-1]:.2f}", flush=True)
            if show:
                print("   ", compiled(params, site_id).sql, "\n   ", peer.rows[:2], "\n   ", our.rows[:2])
        if ratios:
            print(f"{kind:6}{'geometric mean':32}{'':27}x{math.exp(statistics.fmean(map(math.log, ratios))):.2f}")


def _loaded(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("yardstick", folder / "anchor_queries.py")
    assert spec is not None and spec.loader is not None, f"no anchor_queries.py in {folder}"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("load", "run"):
        command = commands.add_parser(name)
        command.add_argument("store", type=Path)
    command.add_argument("yardstick", type=Path)
    command.add_argument("--rounds", type=int, default=15)
    command.add_argument("--only", default="", help="names of queries that contain this")
    command.add_argument("--show", action="store_true", help="print our SQL and the first rows of both sides")
    given = parser.parse_args()
    store = open_store(f"chdb://{given.store.resolve()}")
    if given.command == "load":
        load(store)
    else:
        run(store, _loaded(given.yardstick), given.rounds, given.only, given.show)


if __name__ == "__main__":
    main()
