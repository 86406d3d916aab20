"""The live path as one thing that starts, recovers what a former process left, and stops without losing an event."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from accounts.types import SiteRef
from analytics_project.clock import now, unix_seconds
from analytics_project.errors import AppError, Forbidden, NotFound, PaymentRequired, StoreUnavailable
from stats.ingest import agents, hostnames, sources
from stats.ingest.collector import Collector, ConvertMoney, PlaceFinder
from stats.ingest.counters import OutcomeCounters
from stats.ingest.rows import FROM_NOWHERE, WRITTEN, props_fragment
from stats.ingest.server_goals import ServerGoal, ServerGoals
from stats.ingest.sessions import MemorySessions, Visit, visit_key
from stats.ingest.sites import UNLOADED, SiteDirectory
from stats.ingest.spool import Spool
from stats.ingest.visitor import VISIT_IDLE_SECONDS, Salts
from stats.ingest.writer import Writer
from stats.store.client import EventStore
from stats.store.intake_counts import add_intake_counts
from stats.store.open_visits import open_visits
from stats.store.schema import EVENT_COLUMNS, SESSION_COLUMNS, VISIT_ATTRIBUTE_COLUMNS
from stats.types import DropReason, IntakeSite

logger = logging.getLogger(__name__)

SITES_EVERY_S = 2.0
COUNTS_EVERY_TICKS = 5
SALTS_EVERY_TICKS = 450
LONGEST_TAKE_S = 30.0


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What intake is given from outside: the ORM and its settings come in as functions and values only."""

    load_site: Callable[[str], IntakeSite | None]
    change_mark: Callable[[], int]
    load_salt: Callable[[date], bytes]
    destroy_salts_before: Callable[[date], object]
    open_store: Callable[[], EventStore]
    places: PlaceFinder
    convert_money: ConvertMoney
    spool_directory: Path
    spool_max_bytes: int
    spool_sync_ms: int
    ai_assistants: bool = True
    payment_hosts: frozenset[str] = frozenset()


class Intake:
    """Collector, spool and writer of one process."""

    def __init__(self, parts: IntakeParts) -> None:
        self._parts = parts
        self.city_names = parts.places.city_names
        self.counters = OutcomeCounters()
        self.sessions = MemorySessions()
        self.salts = Salts(parts.load_salt, parts.destroy_salts_before)
        self.spool = Spool(parts.spool_directory, max_bytes=parts.spool_max_bytes, sync_ms=parts.spool_sync_ms)
        self.writer = Writer(self.spool, parts.open_store)
        self.loader = ThreadPoolExecutor(max_workers=2, thread_name_prefix="intake-upkeep")
        self.sites = SiteDirectory(parts.load_site)
        self._left_by_former_process = 0
        self._change_mark = 0
        self._run = secrets.token_hex(8)
        self._flushes = 0
        self.collector = Collector(
            sites=self.sites,
            salts=self.salts,
            places=parts.places,
            sessions=self.sessions,
            spool=self.spool,
            counters=self.counters,
            convert_money=parts.convert_money,
            ai_assistants=parts.ai_assistants,
            payment_hosts=parts.payment_hosts,
        )
        self._goals = ServerGoals(self.sessions, self.spool, self.counters, self.collector.positions)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Take open visits over from the store and the spool, then begin to write. Raises: StoreUnavailable."""
        for part in (agents, hostnames, sources):
            part.warm()
        self.salts.refresh(now())
        since = self._oldest_event_ahead() - VISIT_IDLE_SECONDS
        visits = recovered_visits(open_visits(self._parts.open_store(), since), self.spool.pending_rows())
        self.sessions.adopt(visit for visit in visits if visit.start <= unix_seconds())
        self._left_by_former_process = self.spool.head
        if self.spool.pending_bytes:
            logger.info("%d bytes of accepted events are being written first", self.spool.pending_bytes)
        self.writer.start()

    def _oldest_event_ahead(self) -> int:
        """Return the time of the oldest event not yet in the store: a ping among them may keep a stored visit open.

        Goals that a server reports may be of any time; those that continue no visit from a browser are passed over.
        """
        for event_line, _ in self.spool.pending_rows():
            if not event_line.endswith(FROM_NOWHERE):
                accepted_at: int = orjson.loads(event_line)[EVENT_COLUMNS.index("timestamp")]
                return min(unix_seconds(), accepted_at)
        return unix_seconds()

    def take_goal(self, site: SiteRef, goal: ServerGoal) -> None:
        """Keep a goal that a server reports; from any thread, on the event loop where one runs.

        Raises: StoreUnavailable when it cannot be kept; PaymentRequired and Forbidden where the site takes no events.
        """
        now = unix_seconds()
        known = self.sites.lookup(site.domain, now)
        if known is UNLOADED:
            self.sites.load(site.domain, now)
            known = self.sites.last_known(site.domain)
        if not isinstance(known, IntakeSite) or known.ref.id != site.id:
            raise NotFound("Site not found")
        if known.accepts_until is not None and known.accepts_until < now // 86_400:
            raise PaymentRequired("The plan of the team that owns this site takes no more events")
        if known.rate_threshold == 0:
            raise Forbidden("This site takes no events")
        self._on_loop(partial(self._goals.take, known, goal, now))

    def take_identity(self, site: SiteRef, visitor: int, user: int) -> None:
        """Keep that a visitor is a user; from any thread. Raises: StoreUnavailable when it cannot be kept."""
        self._on_loop(partial(self.collector.identify, site.id, visitor, user, unix_seconds()))

    def _on_loop(self, work: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None or not loop.is_running():
            work()
            return

        async def run() -> None:
            work()

        done = asyncio.run_coroutine_threadsafe(run(), loop)
        try:
            done.result(LONGEST_TAKE_S)
        except TimeoutError as problem:
            done.cancel()
            raise StoreUnavailable("intake does not answer") from problem

    async def keep_up(self) -> None:
        """Until cancelled: notice changed sites, store the counts of outcomes, renew the salts. For the event loop."""
        self._loop = loop = asyncio.get_running_loop()
        for tick in itertools.count(1):
            await asyncio.sleep(SITES_EVERY_S)
            await loop.run_in_executor(self.loader, self.notice_changed_sites)
            if tick % COUNTS_EVERY_TICKS == 0:
                await self.store_counts()
            if tick % SALTS_EVERY_TICKS == 0:
                await loop.run_in_executor(self.loader, self._renew_salts)

    def notice_changed_sites(self) -> None:
        """Have every site asked for again at its next event, if something about sites has changed."""
        try:
            mark = self._parts.change_mark()
        except StoreUnavailable:
            return  # the sites known stay in use
        if mark != self._change_mark:
            self._change_mark = mark
            self.sites.expire()

    def _renew_salts(self) -> None:
        try:
            self.salts.refresh(now())
        except StoreUnavailable:
            logger.warning("the relational store does not answer; the salts of the coming dates are not at hand yet")

    async def store_counts(self) -> None:
        """Hand the counts of outcomes to the event store; they wait in memory while it does not take them."""
        self._count_refused_events()
        counts = self.counters.take()
        if not counts:
            return
        self._flushes += 1
        token = f"counts-{self._run}-{self._flushes}"
        add = partial(add_intake_counts, self._parts.open_store(), counts, token=token)
        try:
            await asyncio.get_running_loop().run_in_executor(self.loader, add)
        except AppError:
            for count in counts:
                self.counters.add(*count)

    def _count_refused_events(self) -> None:
        """Count what only the writer found to be unfit (event contract 1.5, reason 14)."""
        refused = self.writer.refused_events
        while refused:
            site_id = int(refused.popleft()[1:].partition(b",")[0])
            self.counters.add(site_id, unix_seconds(), f"dropped_{DropReason.INVALID}", 0)

    def wait_for_accepted(self, site_id: int) -> None:
        """Return once every event of the site accepted before the call is in the store. Raises: StoreTimeout."""
        self.writer.wait_until(self.collector.positions.get(site_id, self._left_by_former_process))

    def stop(self) -> None:
        """Write what is there, hand the rest to the disk, let go of the spool."""
        self.writer.stop()
        self.spool.close()
        self.loader.shutdown()


def recovered_visits(stored: Iterable[Mapping[str, Any]], pending: Iterable[tuple[bytes, bytes]]) -> list[Visit]:
    """Return the visits that may still be open: as the store has them, brought forward by what was only spooled.

    `stored` are rows of `stats.store.open_visits`; `pending` are spool records, oldest first.
    """
    visits: dict[int, Visit] = {}
    for row in stored:
        visit = _visit(row, row["start_at"], row["timestamp_at"])
        visit.last_activity = max(visit.timestamp, row["last_event_at"])
        visit.last_pageview_at = row["last_pageview_at"]
        visits[visit.session_id] = visit
    for event_line, session_lines in pending:
        for line in session_lines.split(b"\n")[1:]:
            row = dict(zip(SESSION_COLUMNS, orjson.loads(line), strict=True))
            if row["sign"] == WRITTEN and row["is_visit"]:
                visit = _visit(row, row["start"], row["timestamp"])
                former = visits.get(visit.session_id)
                if former is not None:
                    visit.last_activity = former.last_activity
                    visit.last_pageview_at = former.last_pageview_at
                visits[visit.session_id] = visit
        event = dict(zip(EVENT_COLUMNS, orjson.loads(event_line), strict=True))
        touched = visits.get(event["session_id"])
        if touched is not None:
            touched.last_activity = max(touched.last_activity, event["timestamp"])
            if event["name"] == "pageview":
                touched.last_pageview_at = max(touched.last_pageview_at, event["timestamp"])
    return list(visits.values())


def _visit(row: Mapping[str, Any], start: int, timestamp: int) -> Visit:
    """Rebuild an open visit from the columns of a session row; times are unix seconds."""
    return Visit(
        key=visit_key(row["site_id"], row["visitor_id"]),
        site_id=row["site_id"],
        day=row["day"],
        visitor_id=row["visitor_id"],
        session_id=row["session_id"],
        start=start,
        props=props_fragment(row["prop_keys"], row["prop_values"]),
        attributes=orjson.dumps([row[column] for column in VISIT_ATTRIBUTE_COLUMNS])[1:],
        timestamp=timestamp,
        duration=row["duration"],
        events=row["events"],
        pageviews=row["pageviews"],
        is_bounce=bool(row["is_bounce"]),
        entry_page=row["entry_page"],
        hostname=row["hostname"],
        exit_page=row["exit_page"],
        exit_page_hostname=row["exit_page_hostname"],
        last_activity=timestamp,
    )
