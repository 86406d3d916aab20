"""Whether an installation is well: one finding for each thing that it depends on, read without changing anything."""

import fcntl
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError

from analytics_project import clock
from analytics_project.env import BadSetting
from analytics_project.errors import AppError
from stats.ingest.geo import open_places
from stats.models import Erasure, VisitorSalt
from stats.services import event_store
from stats.store.migrations import code_version, schema_version

LOW_DISK_BYTES: Final = 2_000_000_000
NO_DISK_BYTES: Final = 200_000_000
SHORTEST_SECRET: Final = 32
OLDEST_SALT: Final = timedelta(days=3)
LATE_ERASURE: Final = timedelta(hours=1)
REDIS_TIMEOUT_S: Final = 2.0
EMBEDDED: Final = "chdb:"


class State(StrEnum):
    """How grave a finding is: `warn` works and may surprise, `fail` does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing, in one line."""

    subject: str
    state: State
    text: str


def examine() -> Iterator[Finding]:
    """Yield one finding for each subject, in the order in which a start needs them."""
    for subject, look in SUBJECTS:
        state, text = look()
        yield Finding(subject, state, " ".join(text.split()))


Verdict = tuple[State, str]


def _settings() -> Verdict:
    errors = [f"{problem.msg} ({problem.id})" for problem in run_checks() if problem.level >= ERROR]
    if errors:
        return State.FAIL, "; ".join(errors)
    if settings.DEBUG:
        return State.WARN, "DEBUG is on: error pages tell visitors about the server; unset it on a public server"
    if not settings.BASE_URL:
        return State.WARN, "BASE_URL is not set: links in e-mails and shared links take the address that was asked"
    return State.OK, f"served as {settings.BASE_URL}, data in {settings.DATA_DIR}"


def _secret() -> Verdict:
    file = settings.DATA_DIR / "secret_key"
    secret: str = settings.SECRET_KEY
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < SHORTEST_SECRET // 4:
        return State.FAIL, f"SECRET_KEY can be guessed: use at least {SHORTEST_SECRET} random characters, or unset it"
    if not file.is_file() or file.read_text().strip() != secret:
        return State.OK, "SECRET_KEY is set in the environment"
    if stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return State.FAIL, f"{file} can be read by others than its owner: chmod 600 it"
    return State.OK, f"made for this installation, kept in {file}; back it up, without it all keys are useless"


def _relational_store() -> Verdict:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as problem:
        return State.FAIL, f"DATABASE_URL cannot be used: {problem}"
    if pending:
        names = f"{len(pending)} migrations are pending, the first is {pending[0][0]}"
        return State.FAIL, f"{names}: run manage.py migrate; serve does it on SQLite"
    return State.OK, f"{connection.vendor}, all migrations applied"


def _event_store() -> Verdict:
    if settings.EVENTS_URL.startswith(EMBEDDED) and server_runs():
        return State.OK, "embedded, held by the running server; its /api/health tells more"
    try:
        event_store().ping()
    except AppError as problem:
        return State.FAIL, problem.message
    return State.OK, "embedded" if settings.EVENTS_URL.startswith(EMBEDDED) else "a ClickHouse server, it answers"


def _schema() -> Verdict:
    if settings.EVENTS_URL.startswith(EMBEDDED) and server_runs():
        return State.OK, f"version {code_version()}: the running server does not start on another one"
    try:
        version = schema_version(event_store())
    except AppError as problem:
        return State.FAIL, problem.message
    if version == code_version():
        return State.OK, f"version {version}"
    if version > code_version():
        return State.FAIL, f"version {version} of a newer release, this one knows {code_version()}"
    return State.FAIL, f"version {version}, {code_version()} is needed: run manage.py migrate_events"


def _disk() -> Verdict:
    places = {settings.DATA_DIR, settings.SPOOL_DIR}
    free = {place: shutil.disk_usage(place).free for place in sorted(places) if place.is_dir()}
    text = ", ".join(f"{_size(room)} free in {place}" for place, room in free.items())
    least = min(free.values(), default=0)
    return (
        State.FAIL if least < NO_DISK_BYTES else State.WARN if least < LOW_DISK_BYTES else State.OK,
        text or "there is no data directory",
    )


def _spool() -> Verdict:
    waiting = sum(file.stat().st_size for file in settings.SPOOL_DIR.glob("*.segment"))
    share = waiting / settings.SPOOL_MAX_BYTES
    held = "held by the running server" if server_runs() else "no server runs here"
    text = f"{held}, {_size(waiting)} of segments, {_size(settings.SPOOL_MAX_BYTES)} may wait"
    if share >= 1:
        return State.FAIL, f"{text}: intake answers 503 until the event store takes rows"
    return State.WARN if share > 1 / 2 else State.OK, text


def _salts() -> Verdict:
    try:
        oldest = VisitorSalt.objects.order_by("date").values_list("date", flat=True).first()
    except DatabaseError as problem:
        return State.FAIL, f"they cannot be read: {problem}"
    if oldest is None:
        return State.OK, "none yet; the first start of the server makes them"
    if oldest < clock.now().date() - OLDEST_SALT:
        return State.WARN, f"one of {oldest} is still there: salts are destroyed while the server runs, start it"
    return State.OK, f"the oldest is of {oldest}"


def _erasures() -> Verdict:
    try:
        late = Erasure.objects.filter(finished_at=None, requested_at__lt=clock.now() - LATE_ERASURE).count()
    except DatabaseError as problem:
        return State.FAIL, f"they cannot be read: {problem}"
    if late:
        return State.WARN, f"{late} have waited for over an hour: they are worked off while the server runs, start it"
    return State.OK, "none is late"


def _redis() -> Verdict:
    if not settings.REDIS_URL:
        return State.OK, "not used"
    client = Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S)
    try:
        client.ping()
    except RedisError as problem:  # its text may hold the address, which may hold the password
        return State.FAIL, f"REDIS_URL does not answer ({type(problem).__name__})"
    finally:
        client.close()
    return State.OK, "answers"


def _places() -> Verdict:
    file: Path | None = settings.GEOIP_CITY_DB
    try:
        open_places(file)
    except BadSetting as problem:
        return State.FAIL, str(problem).removeprefix("Footfall cannot start: ")
    return State.OK, f"cities from {file}" if file else "countries, as shipped; GEOIP_CITY_DB names a file with cities"


def server_runs() -> bool:
    """Tell whether a process on this machine takes events with our spool."""
    try:
        with (settings.SPOOL_DIR / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


SUBJECTS: Final[tuple[tuple[str, Callable[[], Verdict]], ...]] = (
    ("settings", _settings),
    ("secret", _secret),
    ("relational store", _relational_store),
    ("event store", _event_store),
    ("schema", _schema),
    ("disk", _disk),
    ("spool", _spool),
    ("salts", _salts),
    ("erasures", _erasures),
    ("redis", _redis),
    ("places", _places),
)
