"""Work in the background: health names what an error has ended, and nothing else."""

from collections.abc import Callable

import pytest
from django.test import Client

from analytics_project import background
from analytics_project.background import background_thread, ended_parts
from stats.store.client import EventStore


def run(name: str, work: Callable[[], None]) -> None:
    thread = background_thread(name, work)
    thread.start()
    thread.join()


def stumble() -> None:
    raise KeyError("nobody foresaw this")


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_health_names_what_an_error_has_ended(
    client: Client, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_ended", {})
    run("sweeping", lambda: None)
    assert (ended_parts(), client.get("/api/health").json()["background"]) == ((), "ok")
    run("webhooks", stumble)
    run("housekeeping", stumble)
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()["background"]) == (500, "ended: webhooks, housekeeping")
    run("webhooks", lambda: None)
    assert ended_parts() == ("housekeeping",)
