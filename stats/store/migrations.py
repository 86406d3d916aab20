"""The event store's schema in numbered steps: SQL files applied in order, once each, forward only.

A step is idempotent (IF NOT EXISTS), so a crash between a step and its record is mended by running again. On a cluster
the tables are replicated, named with the suffix `_local`, and stand behind a distributed table of the plain name,
sharded by visitor; statements that only a cluster needs begin with the comment `-- @cluster`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from analytics_project.errors import StoreUnavailable
from stats.store.client import EventStore

_DIRECTORY = Path(__file__).resolve().parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_CLUSTER_ONLY = "-- @cluster"

_RECORD_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations$on_cluster
(version UInt32, name String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = ${replicated}ReplacingMergeTree(${everywhere}applied_at) ORDER BY version
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; `version` counts from 1 without gaps."""

    version: int
    name: str
    text: str

    def statements(self, cluster: str) -> tuple[str, ...]:
        """Return the step's statements, in order, for one server or for the cluster of that name."""
        parts = (part.strip().rstrip(";") for part in re.split(r";[ \t]*\n", self.text))
        chosen = (part for part in parts if part and (cluster or not part.startswith(_CLUSTER_ONLY)))
        return tuple(Template(part).substitute(_variables(cluster)) for part in chosen)


def all_migrations() -> tuple[Migration, ...]:
    """Return every step this code knows, in order."""
    found = ((_FILE_NAME.fullmatch(file.name), file) for file in sorted(_DIRECTORY.glob("*.sql")))
    return tuple(Migration(int(name[1]), name[2], file.read_text()) for name, file in found if name)


def code_version() -> int:
    """Return the number of the newest step this code knows."""
    return all_migrations()[-1].version


def schema_version(store: EventStore) -> int:
    """Return the number of the newest step the store has; 0 for an empty store."""
    tables = store.read_rows(
        "SELECT count() AS found FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'",
        tag="schema version",
    )
    if not tables[0]["found"]:
        return 0
    rows = store.read_rows("SELECT max(version) AS version FROM schema_migrations", tag="schema version")
    return int(rows[0]["version"])


def pending_migrations(store: EventStore) -> tuple[Migration, ...]:
    """Return the steps the store still needs, in order.

    Raises: StoreUnavailable for a store that a newer Footfall has migrated.
    """
    current = schema_version(store)
    if current > code_version():
        raise StoreUnavailable(
            f"the event store has schema version {current}, this Footfall knows {code_version()}: it was used by a "
            "newer release; run that release, or restore the backup made before the upgrade"
        )
    return tuple(step for step in all_migrations() if step.version > current)


def migrate(store: EventStore) -> tuple[Migration, ...]:
    """Apply what is pending and return it; nothing when the store is current. Raises: as `pending_migrations`."""
    steps = pending_migrations(store)
    if steps:
        store.execute(Template(_RECORD_TABLE).substitute(_variables(store.cluster)), tag="migrate")
    for step in steps:
        for statement in step.statements(store.cluster):
            store.execute(statement, tag=f"migrate {step.version}")
        store.execute(
            "INSERT INTO schema_migrations (version, name) SELECT {version:UInt32}, {name:String}",
            {"version": step.version, "name": step.name},
            tag=f"migrate {step.version}",
        )
    return steps


def require_current_schema(store: EventStore) -> None:
    """Raise StoreUnavailable unless the store has exactly the schema of this code."""
    if steps := pending_migrations(store):
        raise StoreUnavailable(
            f"the event store lacks schema step {steps[0].version} ({steps[0].name}); run manage.py migrate_events"
        )


def _variables(cluster: str) -> Mapping[str, str]:
    return {
        "cluster": cluster,
        "on_cluster": f" ON CLUSTER '{cluster}'" if cluster else "",
        "local": "_local" if cluster else "",
        "replicated": "Replicated" if cluster else "",
        "window": "replicated_deduplication_window" if cluster else "non_replicated_deduplication_window",
        "everywhere": "'/clickhouse/{database}/{table}', '{shard}-{replica}', " if cluster else "",
    }
