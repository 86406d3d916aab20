"""Schema steps: applied once, recorded, refused when the store is newer, and their form on a cluster."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analytics_project.errors import StoreUnavailable
from stats.management.commands import migrate_events
from stats.store import migrations
from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker
from tests.stats.query.recorded import custom, engagement, pageview


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    """One with few parts: what alters tables or removes rows goes over all parts."""
    return small_store


@pytest.fixture
def newer_store(store: EventStore) -> Iterator[EventStore]:
    store.execute("INSERT INTO schema_migrations (version, name) VALUES (9999, 'from_the_future')", tag="test")
    yield store
    store.execute("DELETE FROM schema_migrations WHERE version = 9999", tag="test")


@pytest.fixture
def unrecorded_store(store: EventStore) -> Iterator[EventStore]:
    """A store whose tables stand but whose record was lost, as after a crash between the two."""
    store.execute("TRUNCATE TABLE schema_migrations", tag="test")
    yield store
    migrations.migrate(store)


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    return new_asker(store)


def test_migrated_store_is_at_the_version_of_the_code(store: EventStore) -> None:
    assert migrations.schema_version(store) == migrations.code_version() == len(migrations.all_migrations())
    assert migrations.pending_migrations(store) == ()
    migrations.require_current_schema(store)


def test_migrate_again_does_nothing(store: EventStore) -> None:
    assert migrations.migrate(store) == ()


def test_migrate_after_a_lost_record_repeats_the_steps(unrecorded_store: EventStore) -> None:
    with pytest.raises(StoreUnavailable, match="migrate_events"):
        migrations.require_current_schema(unrecorded_store)
    assert migrations.migrate(unrecorded_store) == migrations.all_migrations()
    assert migrations.schema_version(unrecorded_store) == migrations.code_version()


def test_store_of_a_newer_release_is_refused(newer_store: EventStore) -> None:
    with pytest.raises(StoreUnavailable, match="newer release"):
        migrations.migrate(newer_store)


def test_versions_count_from_one_without_gaps() -> None:
    assert [step.version for step in migrations.all_migrations()] == list(range(1, migrations.code_version() + 1))


def test_cluster_form_replicates_and_distributes_by_visitor() -> None:
    text = ";\n".join(statement for step in migrations.all_migrations() for statement in step.statements("main"))
    assert "CREATE TABLE IF NOT EXISTS events_local ON CLUSTER 'main'" in text
    assert "ReplicatedVersionedCollapsingMergeTree(sign, events)" in text
    assert "Distributed('main', currentDatabase(), sessions_local, cityHash64(visitor_id))" in text
    assert "non_replicated" not in text


def test_single_server_form_has_no_trace_of_a_cluster() -> None:
    text = ";\n".join(statement for step in migrations.all_migrations() for statement in step.statements(""))
    assert "CLUSTER" not in text
    assert "Distributed" not in text
    assert "$" not in text


def test_command_applies_then_reports_nothing_to_do(
    unrecorded_store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_events, "open_store", lambda _url, **_more: unrecorded_store)
    with pytest.raises(CommandError) as caught:
        call_command("migrate_events", "--check", stdout=StringIO())
    assert caught.value.returncode == 1
    output = StringIO()
    call_command("migrate_events", stdout=output)
    assert "applied 0001 events" in output.getvalue()
    output = StringIO()
    call_command("migrate_events", "--check", stdout=output)
    assert "current" in output.getvalue()


def test_events_on_other_days_are_noted_for_what_an_older_release_wrote(
    unrecorded_store: EventStore, asker: Asker
) -> None:
    site = {"site": asker.site.id}
    asker.record(
        pageview("2025-03-10 23:50", "a"),
        custom("2025-03-11 00:10", "a", "Signup"),
        pageview("2025-03-11 00:20", "a"),
        engagement("2025-03-11 00:21", "a"),
        pageview("2025-03-11 12:00", "b"),
    )
    noted = (
        "SELECT toString(day) AS on, carried_pageviews, carried_events FROM sessions "
        "WHERE site_id = {site:UInt32} AND NOT is_visit ORDER BY ALL"
    )
    live = unrecorded_store.read_rows(noted, site, tag="test")
    assert [tuple(row.values()) for row in live] == [
        ("2025-03-10", -1, -1),
        ("2025-03-10", 0, -1),
        ("2025-03-11", 0, 0),
        ("2025-03-11", 0, 1),
        ("2025-03-11", 1, 1),
    ]
    for _ in range(2):
        unrecorded_store.execute("TRUNCATE TABLE schema_migrations", tag="test")
        migrations.migrate(unrecorded_store)
        assert unrecorded_store.read_rows(noted, site, tag="test") == live
    assert asker.total("pageviews events", date_range=["2025-03-10", "2025-03-10"]) == [1, 1]


def test_visits_of_an_older_release_have_an_origin_too(unrecorded_store: EventStore, asker: Asker) -> None:
    asker.record(
        pageview("2025-03-10 10:00", "a"),
        pageview("2025-03-10 11:00", "b", source="Google"),
        pageview("2025-03-10 12:00", "c", source="Forum", referrer="android-app://forum.example/thread"),
        pageview("2025-03-10 13:00", "d", source="News", referrer="forum.example", utm_source="news"),
    )
    kept = "SELECT origin FROM {} WHERE site_id = {{site:UInt32}} ORDER BY {}"
    for table in ("sessions", "events"):
        unrecorded_store.execute(f"ALTER TABLE {table} DROP COLUMN origin", tag="test")
    unrecorded_store.execute("TRUNCATE TABLE schema_migrations", tag="test")
    migrations.migrate(unrecorded_store)
    for table, order in (("sessions", "start"), ("events", "timestamp")):
        rows = unrecorded_store.read_rows(kept.format(table, order), {"site": asker.site.id}, tag="test")
        assert [row["origin"] for row in rows] == ["", "Google", "forum.example", "news"]
