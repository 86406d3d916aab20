"""`manage.py doctor`: one line for each thing, and 1 as the exit code when one of them fails."""

import io
from collections import namedtuple
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError

from analytics_project import clock
from analytics_project.errors import StoreUnavailable
from stats import doctor_services
from stats.doctor_services import examine
from stats.ingest.spool import Spool
from stats.models import Erasure, VisitorSalt
from stats.store.client import EventStore
from tests.stats.erasing import run, text_of

pytestmark = pytest.mark.django_db
SUBJECTS = "settings secret relational_store event_store schema disk spool salts erasures redis places".replace(
    "_", " "
)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _installation(settings: LazySettings, tmp_path: Path, store: EventStore) -> None:
    """An installation that is well."""
    settings.DATA_DIR, settings.SPOOL_DIR = tmp_path, tmp_path / "spool"
    settings.SPOOL_DIR.mkdir()
    settings.BASE_URL, settings.REDIS_URL = "https://stats.example.org", ""
    settings.SECRET_KEY = "kQ3v-8ZsT_pLw2Xy7Rb5Nc9Df1Gh4JmA0eUoIi6S"


def finding(subject: str) -> tuple[str, str]:
    (found,) = [one for one in examine() if one.subject == subject]
    return found.state.value, found.text


def test_well_installation_has_a_line_for_each_thing() -> None:
    lines = text_of("doctor").splitlines()
    assert " ".join(line[6:22].strip() for line in lines) == SUBJECTS
    assert {line[:4].strip() for line in lines} == {"ok"}
    told = run("doctor")
    assert told["well"] is True
    assert {tuple(one) for one in told["findings"]} == {("subject", "state", "text")}


def test_failure_ends_with_one_and_a_warning_does_when_asked_to(settings: LazySettings) -> None:
    settings.BASE_URL = ""
    assert run("doctor")["well"] is True
    with pytest.raises(CommandError):
        call_command("doctor", "--strict", "--json", stdout=io.StringIO())
    settings.SECRET_KEY = "changeme"
    with pytest.raises(CommandError) as failed:
        call_command("doctor", stdout=io.StringIO())
    assert failed.value.returncode == 1


def break_settings(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ("nowhere",)


def break_debug(settings: Any) -> None:
    settings.DEBUG = True


def break_secret(settings: Any) -> None:
    settings.SECRET_KEY = "a" * 60


def open_secret(settings: Any) -> None:
    file: Path = settings.DATA_DIR / "secret_key"
    file.write_text(settings.SECRET_KEY)
    file.chmod(0o644)


def break_redis(settings: Any) -> None:
    settings.REDIS_URL = "redis://:hunter2hunter2@127.0.0.1:1/0"


def break_places(settings: Any) -> None:
    settings.GEOIP_CITY_DB = settings.DATA_DIR / "none.mmdb"


def fill_spool(settings: Any) -> None:
    settings.SPOOL_MAX_BYTES = 10
    (settings.SPOOL_DIR / "00000000000000000000.segment").write_bytes(b"x" * 8)


def overfill_spool(settings: Any) -> None:
    settings.SPOOL_MAX_BYTES = 4
    (settings.SPOOL_DIR / "00000000000000000000.segment").write_bytes(b"x" * 8)


def keep_salt(settings: Any) -> None:
    VisitorSalt.objects.create(date=date(2020, 1, 1))


def leave_erasure(settings: Any) -> None:
    Erasure.objects.create(
        site_number=1, domain="a.example", kind="delete", requested_at=clock.now().replace(year=2020)
    )


@pytest.mark.parametrize(
    ("harm", "subject", "state", "said"),
    [
        (break_settings, "settings", "fail", "TRUSTED_PROXIES"),
        (break_debug, "settings", "warn", "DEBUG"),
        (break_secret, "secret", "fail", "can be guessed"),
        (open_secret, "secret", "fail", "chmod 600"),
        (break_redis, "redis", "fail", "does not answer"),
        (break_places, "places", "fail", "GEOIP_CITY_DB"),
        (fill_spool, "spool", "warn", "may wait"),
        (overfill_spool, "spool", "fail", "503"),
        (keep_salt, "salts", "warn", "2020-01-01"),
        (leave_erasure, "erasures", "warn", "1 have waited"),
    ],
)
def test_what_is_wrong_is_named(settings: LazySettings, harm: Any, subject: str, state: str, said: str) -> None:
    harm(settings)
    found = finding(subject)
    assert found[0] == state
    assert said in found[1]
    assert "hunter2" not in found[1]


@pytest.mark.parametrize(("free", "state"), [(1, "fail"), (1_000_000_000, "warn"), (9_000_000_000, "ok")])
def test_little_room_on_the_disk_is_said(monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage(0, 0, free))
    assert finding("disk")[0] == state


def test_event_store_that_does_not_answer_or_lacks_steps_is_said(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    for version, said in ((0, "migrate_events"), (999, "newer release")):
        monkeypatch.setattr(doctor_services, "schema_version", lambda store, version=version: version)
        assert said in finding("schema")[1]

    def away() -> None:
        raise StoreUnavailable("the event store is away")

    monkeypatch.setattr(doctor_services, "event_store", away)
    assert finding("event store") == finding("schema") == ("fail", "the event store is away")
    server = Spool(settings.SPOOL_DIR, max_bytes=1_000_000, sync_ms=0)
    assert finding("event store")[0] == finding("schema")[0] == "ok"
    assert "running server" in finding("spool")[1]
    server.close()


def test_pending_migration_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "django.db.migrations.executor.MigrationExecutor.migration_plan",
        lambda self, targets: [("stats.0009_x", False)],
    )
    assert finding("relational store")[0] == "fail"
    assert "stats.0009_x" in finding("relational store")[1]
