"""The single gate to the event store: every statement, its limits, its tag and its timing pass here.

One SQL dialect, two places: ClickHouse inside the process (`chdb:///path`) and a ClickHouse server
(`clickhouse://user:password@host:port/database`, `clickhouses://` over TLS). A connection serves one statement at a
time, so each thread has its own; they share the one engine that a process can hold.
"""

import fcntl
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import orjson
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from analytics_project import clock
from analytics_project.env import BadSetting
from analytics_project.errors import StoreUnavailable
from stats.store.errors import store_error

logger = logging.getLogger(__name__)

Setting = str | int | float
SLOW_STATEMENT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take of the machine: seconds, checked after each block of rows, and bytes of memory.

    Half of the memory, then groups and sorting go to the disk.
    """

    max_seconds: float = 30
    max_bytes: int = 2_000_000_000

    def settings(self) -> dict[str, Setting]:
        """Return them as the database's settings."""
        return {
            "max_execution_time": self.max_seconds,
            "max_memory_usage": self.max_bytes,
            "max_bytes_before_external_group_by": self.max_bytes // 2,
            "max_bytes_before_external_sort": self.max_bytes // 2,
        }


_DEFAULT_SETTINGS: Mapping[str, Setting] = {
    "session_timezone": "UTC",
    # A thousand goals with patterns or three properties each make a statement of 1.5 MB.
    "max_query_size": 16 * 1024 * 1024,
    "max_ast_elements": 1_000_000,
    "max_expanded_ast_elements": 5_000_000,
    "output_format_json_quote_decimals": 1,
    "output_format_json_validate_utf8": 1,
    # Goals that servers report may be of any month, and a batch of a hundred months is taken like any other.
    "max_partitions_per_insert_block": 0,
}
_EMBEDDED_SETTINGS: Mapping[str, Setting] = {
    # Statistics of columns are looked up under a lock for each table of a statement and decide nothing here: 0.5 ms.
    "use_statistics": 0,
}
_CLUSTER_SETTINGS: Mapping[str, Setting] = {
    "distributed_foreground_insert": 1,  # an insert that has returned is on its shard, not in a queue
    "distributed_product_mode": "local",  # visits and events of a visitor share a shard, so sub-queries stay on it
}

_WRITE_LIMITS = Limits()
_opening = threading.Lock()
_embedded_clients: weakref.WeakSet[Client] = weakref.WeakSet()  # all of this process: they share one engine


class EventStore:
    """Reads and writes of the event store, safe to use from any thread of the process that opened it.

    Nothing is opened before the first statement. `read_limits` hold for reads; writes, of imports above all, keep the
    default ones. Raises, from every method: StoreUnavailable, StoreBusy, StoreTimeout, InvalidQuery as
    `stats.store.errors` sorts them.
    """

    def __init__(self, url: str, *, cluster: str = "", read_limits: Limits | None = None) -> None:
        self.url = url
        self.cluster = cluster
        self.read_limits = read_limits or Limits()
        self.embedded_path = Path(unquote(urlsplit(url).path)) if url.startswith("chdb:") else None
        self._local = threading.local()
        self._clients: weakref.WeakSet[Client] = weakref.WeakSet()
        self._owner_pid: int | None = None

    def read_rows(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        tag: str,
        settings: Mapping[str, Setting] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the rows of a SELECT as dicts by column name, in the order of the SELECT.

        `parameters` are bound by the database ({name:Type} in the text). Values: whole numbers are int, floats float
        (NaN and infinities None), DateTime and Date text in UTC (`2026-01-31 12:00:00`, `2026-01-31`), Decimal text,
        arrays and tuples lists. The SELECT must not end in a FORMAT clause.
        """
        body = self._call(
            tag,
            lambda client: client.raw_query(
                sql,
                parameters=dict(parameters) if parameters else None,
                settings=self._settings(tag, settings),
                fmt="JSONEachRow",
            ),
            limits=self.read_limits,
        )
        return [orjson.loads(line) for line in body.splitlines()] if body else []

    def execute(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        tag: str,
        settings: Mapping[str, Setting] | None = None,
    ) -> None:
        """Run a statement that returns no rows: DDL, INSERT … SELECT, ALTER."""
        self._call(
            tag,
            lambda client: client.command(
                sql, parameters=dict(parameters) if parameters else None, settings=self._settings(tag, settings)
            ),
        )

    def insert_lines(
        self,
        table: str,
        columns: Sequence[str],
        body: bytes,
        *,
        token: str,
        format_name: str = "JSONCompactEachRow",
        settings: Mapping[str, Setting] | None = None,
    ) -> None:
        """Insert rows, one JSON array a line, values in the order of `columns`; on return they are readable and kept.

        A second insert under the same token stores nothing, whatever happened to the first: the tables remember the
        last 10,000 tokens a partition, parts of one insert one by one. An empty token switches that off.
        """
        chosen: dict[str, Setting] = {"insert_deduplicate": 0} if not token else {"insert_deduplication_token": token}
        self._call(
            f"insert {table}",
            lambda client: client.raw_insert(
                table, list(columns), body, fmt=format_name, settings={**chosen, **(settings or {})}
            ),
        )

    def ping(self) -> None:
        """Ask the store for a sign of life. Raises: StoreUnavailable when it gives none."""
        self._call("ping", lambda client: client.command("SELECT 1"))

    def close(self) -> None:
        """Close the connections of all threads; the next statement opens anew."""
        for client in list(self._clients):
            client.close()
            _embedded_clients.discard(client)
        self._clients = weakref.WeakSet()
        self._local = threading.local()
        self._owner_pid = None

    def _settings(self, tag: str, settings: Mapping[str, Setting] | None) -> dict[str, Setting]:
        """Add the tag for the server's query log. The embedded engine has no reader of one and pays 3 ms a setting."""
        chosen = dict(settings or {})
        if self.embedded_path is None:
            chosen["log_comment"] = tag
        return chosen

    def _call(self, tag: str, statement: Callable[[Client], Any], *, limits: Limits = _WRITE_LIMITS) -> Any:
        started = clock.monotonic_seconds()
        with _translated(tag):
            result = statement(self._client(limits))
        seconds = clock.monotonic_seconds() - started
        level = logging.WARNING if seconds > SLOW_STATEMENT_SECONDS else logging.DEBUG
        logger.log(level, "event store, %s: %.1f ms", tag, seconds * 1000)
        return result

    def _client(self, limits: Limits) -> Client:
        """Return this thread's client with these limits: as settings of each statement they would cost 3 ms apiece."""
        clients: dict[Limits, Client] = self._local.__dict__.setdefault("clients", {})
        if limits not in clients or self._owner_pid != os.getpid():
            clients[limits] = self._open(limits)
        return clients[limits]

    def _open(self, limits: Limits) -> Client:
        with _opening:
            pid = os.getpid()
            if self._owner_pid not in {None, pid}:
                raise StoreUnavailable(
                    "the event store was opened before this process forked; open it only in the process that serves"
                )
            if self.embedded_path is not None:
                client = _embedded_client(self.embedded_path, limits)
            else:
                client = clickhouse_connect.get_client(
                    dsn=self.url,
                    interface="https" if self.url.startswith("clickhouses:") else "http",
                    settings={
                        **_DEFAULT_SETTINGS,
                        **limits.settings(),
                        **(_CLUSTER_SETTINGS if self.cluster else {}),
                    },
                    autogenerate_session_id=False,
                    send_receive_timeout=3600,
                )
            self._owner_pid = pid
            self._clients.add(client)
            return client


def open_store(url: str, *, cluster: str = "", read_limits: Limits | None = None) -> EventStore:
    """Return the store that `url` names, not yet connected; the embedded directory's parents are made.

    Raises: BadSetting for a URL of another kind, and for a cluster without a server.
    """
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        if parts.netloc or not parts.path.strip("/"):
            raise BadSetting("EVENTS_URL", f"is {url!r}; the embedded store is chdb:/// and an absolute path")
        if cluster:
            raise BadSetting("EVENTS_CLUSTER", "needs EVENTS_URL=clickhouse://…; the embedded store has no cluster")
        Path(unquote(parts.path)).mkdir(parents=True, exist_ok=True)
    elif parts.scheme not in {"clickhouse", "clickhouses"} or not parts.hostname:
        raise BadSetting("EVENTS_URL", "must be chdb:///absolute/path or clickhouse://user:password@host:port/database")
    if cluster and not cluster.replace("_", "").replace("-", "").isalnum():
        raise BadSetting("EVENTS_CLUSTER", f"is {cluster!r}; letters, digits, - and _ only")
    return EventStore(url, cluster=cluster, read_limits=read_limits)


@contextmanager
def _translated(tag: str) -> Iterator[None]:
    try:
        yield
    except (Error, OSError) as problem:
        raise store_error(problem, tag=tag) from problem


def _embedded_client(path: Path, limits: Limits) -> Client:
    if not _embedded_clients:
        _refuse_held(path)
    try:
        client = clickhouse_connect.get_client(
            dsn=f"chdb://{path}", settings={**_DEFAULT_SETTINGS, **_EMBEDDED_SETTINGS, **limits.settings()}
        )
    except Error as problem:
        logger.warning("embedded event store in %s: %s", path, problem)
        raise StoreUnavailable(f"the embedded event store in {path} cannot be opened; the log says why") from problem
    _embedded_clients.add(client)
    return client


def _refuse_held(path: Path) -> None:
    """Look at the engine's own lock first: the engine's refusal is noisy and does not say why."""
    try:
        with (path / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return
    except BlockingIOError as problem:
        raise StoreUnavailable(
            f"the embedded event store in {path} is held by another process, most likely the running server; use that "
            "server's HTTP routes (imports: --url and --key), stop it first, or set EVENTS_URL to a ClickHouse "
            "server, which takes any number of processes",
            retry_after_s=60,
        ) from problem
