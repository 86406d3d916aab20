"""What the rest of Footfall asks of events: the store and the intake of this process, fresh reads, and health."""

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from accounts.selectors import (
    actor_for,
    caller_id_secret,
    change_mark,
    intake_record,
    key_for,
    refusal,
    site_for,
)
from accounts.types import Scope, SiteRef, Surface
from analytics_project.background import ended_parts
from analytics_project.clock import monotonic_seconds, unix_seconds
from analytics_project.errors import AppError, StoreUnavailable
from goals.selectors import revenue_goals
from revenue.rates import convert
from stats.import_services import recover_imports
from stats.ingest.city_names import CityNames
from stats.ingest.geo import open_places
from stats.ingest.intake import Intake, IntakeParts
from stats.ingest.server_goals import ServerGoal
from stats.ingest.shields import compile_shields
from stats.selectors import destroy_salts_before, salt_for
from stats.store.client import EventStore, Limits, open_store
from stats.store.intake_counts import events_taken_since, intake_counts_since
from stats.store.migrations import code_version, schema_version
from stats.types import IntakeSite

logger = logging.getLogger(__name__)

Question = ParamSpec("Question")
Reply = TypeVar("Reply")

OK = "ok"
NOT_STARTED = "not started"
REFUSED = "the event store refuses rows"
# The keys are those of Plausible's health check, whatever stands behind them.
_CHECK_NAMES = {
    "postgres": "relational store",
    "clickhouse": "event store",
    "sites_cache": "intake",
    "spool": "writing to the event store",
    "background": "work in the background",
}

_opening = threading.Lock()
_store: EventStore | None = None
_intake: Intake | None = None


def event_store() -> EventStore:
    """Return this process's event store, opened at the first call. Raises: StoreUnavailable."""
    global _store  # noqa: PLW0603 - an embedded engine exists once per process
    if _store is None:
        with _opening:
            if _store is None:
                limits = Limits(settings.QUERY_MAX_SECONDS, settings.QUERY_MAX_BYTES)
                _store = open_store(settings.EVENTS_URL, cluster=settings.EVENTS_CLUSTER, read_limits=limits)
    return _store


def start_intake() -> Intake:
    """Start this process's live path. Raises: StoreUnavailable when another process has the spool or the store."""
    global _intake  # noqa: PLW0603 - the spool and the open visits belong to one process
    intake = Intake(
        IntakeParts(
            load_site=while_connected(_load_intake_site),
            change_mark=while_connected(change_mark),
            load_salt=while_connected(salt_for),
            destroy_salts_before=while_connected(destroy_salts_before),
            open_store=event_store,
            places=open_places(settings.GEOIP_CITY_DB),
            convert_money=convert,
            spool_directory=settings.SPOOL_DIR,
            spool_max_bytes=settings.SPOOL_MAX_BYTES,
            spool_sync_ms=settings.SPOOL_SYNC_MS,
            ai_assistants=settings.AI_ASSISTANTS_CHANNEL,
            payment_hosts=settings.PAYMENT_HOSTS,
        )
    )
    recover_imports(event_store())
    intake.start()
    _intake = intake
    return intake


def stop_intake() -> None:
    """Stop the live path after writing what it has accepted."""
    global _intake  # noqa: PLW0603
    if _intake is not None:
        _intake.stop()
        _intake = None


def wait_for_accepted(site_id: int) -> None:
    """Return once every event of the site that this process accepted before the call can be read.

    Raises: StoreTimeout when the event store has been refusing rows.
    """
    if _intake is not None:
        _intake.wait_for_accepted(site_id)


def keep_goal(site: SiteRef, goal: ServerGoal) -> None:
    """Keep a goal that a site's server reports: whatever reads the site's numbers from now on sees it.

    Raises: StoreUnavailable when it cannot be kept; otherwise as `Intake.take_goal`.
    """
    if _intake is None:
        raise StoreUnavailable("this process takes no events")
    _intake.take_goal(site, goal)


def keep_identity(site: SiteRef, visitor: int, user: int) -> None:
    """Keep that a visitor is a user, both by their numbers: whatever is attributed from now on knows it.

    Raises: StoreUnavailable when it cannot be kept.
    """
    if _intake is None:
        raise StoreUnavailable("this process takes no events")
    _intake.take_identity(site, visitor, user)


def knows_identities() -> bool:
    """Tell whether this process may ask the event store who visitors are: a command beside a server may not."""
    return _intake is not None or event_store().embedded_path is None


def city_names_met() -> CityNames:
    """Return the names of cities that this process's intake has met; none where it takes no events."""
    return CityNames() if _intake is None else _intake.city_names


def notice_changed_sites() -> None:
    """Let this process's intake see a change of sites with the next event, not within two seconds."""
    if _intake is not None:
        _intake.notice_changed_sites()


def intake_outcomes(site_id: int, hours: int) -> dict[str, int]:
    """Return what became of the events sent for a site lately: `buffered` and `dropped_<reason>` with their numbers.

    Counts reach the store about ten seconds after the events. Raises: StoreUnavailable.
    """
    return intake_counts_since(event_store(), site_id, unix_seconds() - hours * 3600)


def events_taken(site_ids: Collection[int], hours: int) -> dict[int, int]:
    """Return how many events intake took lately, by site; a site without any is not in it. Raises: StoreUnavailable."""
    return events_taken_since(event_store(), site_ids, unix_seconds() - hours * 3600)


def authorise_caller(key_text: str, domain: str) -> tuple[int, bytes]:
    """Let the holder of a read-and-write key name visitors of a site: its number, and the secret for callers' own ids.

    Raises: NotAuthenticated and PaymentRequired as everywhere else, StoreUnavailable without a relational store.
    """
    return while_connected(_authorise_caller)(key_text, domain)


def _authorise_caller(key_text: str, domain: str) -> tuple[int, bytes]:
    key = key_for(key_text)
    if key is None or key.is_read_only:
        raise refusal(Surface.STATS)
    site = site_for(actor_for(key), domain, Scope.STATS_READ)
    return site.id, caller_id_secret(site.id)


def while_connected(ask: Callable[Question, Reply]) -> Callable[Question, Reply]:
    """Let threads of our own ask the relational store: on a live connection, and StoreUnavailable without one."""

    @wraps(ask)
    def connected(*args: Question.args, **kwargs: Question.kwargs) -> Reply:
        try:
            if not connection.in_atomic_block:
                close_old_connections()
            return ask(*args, **kwargs)
        except (DatabaseError, InterfaceError) as problem:
            logger.warning("the relational store does not answer intake: %s", problem)
            raise StoreUnavailable("the relational store does not answer") from problem

    return connected


def _load_intake_site(domain: str) -> IntakeSite | None:
    """Read what intake must know of a site."""
    record = intake_record(domain)
    if record is None:
        return None
    return IntakeSite(
        ref=record.site,
        shields=compile_shields(record.addresses, record.countries, record.pages, record.hostnames),
        rate_threshold=record.rate_threshold,
        rate_window_s=record.rate_window_s,
        accepts_until=record.accepts_until,
        revenue_goals=revenue_goals(record.site.id),
        persistent_visitors=record.persistent_visitors,
        caller_id_secret=record.caller_id_secret,
    )


@dataclass(frozen=True, slots=True)
class Health:
    """Whether each dependency is well, by name, and how far the event store is behind what was accepted."""

    checks: dict[str, str]
    spool_pending_bytes: int
    store_refusing_s: float
    schema_version: int

    @property
    def is_well(self) -> bool:
        """Tell whether every dependency answers."""
        return all(state == OK for state in self.checks.values())

    def described(self) -> tuple[tuple[str, str, bool], ...]:
        """Return for people what each dependency is called, how it is, and whether that is well."""
        waiting = f"{self.spool_pending_bytes:,} bytes wait for the event store"
        lines = tuple((_CHECK_NAMES[name], state, state == OK) for name, state in self.checks.items())
        return (*lines, ("waiting in the spool", waiting, self.store_refusing_s == 0))


def check_health() -> Health:
    """Ask every dependency for a sign of life; what is said of a failure names no data."""
    schema, schema_state = 0, OK
    try:
        schema = schema_version(event_store())
        if schema != code_version():
            schema_state = f"the event store has schema version {schema}, this Footfall needs {code_version()}"
    except AppError as problem:
        schema_state = problem.code
    ended = ended_parts()
    refusing_since = _intake.writer.failing_since if _intake is not None else None
    return Health(
        checks={
            "postgres": _relational_store_state(),
            "clickhouse": schema_state,
            "sites_cache": OK if _intake is not None else NOT_STARTED,
            "spool": NOT_STARTED if _intake is None else OK if refusing_since is None else REFUSED,
            "background": f"ended: {', '.join(ended)}" if ended else OK,
        },
        spool_pending_bytes=_intake.spool.pending_bytes if _intake is not None else 0,
        store_refusing_s=monotonic_seconds() - refusing_since if refusing_since is not None else 0.0,
        schema_version=schema,
    )


def _relational_store_state() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return OK
