"""Erasures that a command asked for: carried out here while no server runs, else awaited from the server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from time import sleep
from typing import Final

from django.conf import settings

from analytics_project.clock import monotonic_seconds
from analytics_project.errors import StoreUnavailable
from stats.erasure_services import events_of, work_off
from stats.ingest.spool import Spool
from stats.models import Erasure
from stats.services import event_store
from stats.store.migrations import require_current_schema

POLL_S: Final = 0.5


class Outcome(StrEnum):
    """What has become of erasures: done, left to the running server, or to the next one."""

    DONE = "done"
    SERVER = "left to the running server"
    SPOOL = "left to the next start of the server, which first writes the events waiting in the spool"


def count_events_to_erase(erasures: Sequence[Erasure]) -> list[int] | None:
    """Return how many events each erasure, saved or not, would remove; None while a server holds the event store."""
    try:
        store = event_store()
        require_current_schema(store)
        return [events_of(store, erasure) for erasure in erasures]
    except StoreUnavailable:
        return None


def carry_out(erasures: Sequence[Erasure], *, wait_s: float, progress: Callable[[], object]) -> Outcome:
    """Remove what saved erasures name, calling `progress` for each that is done.

    With the spool in our hands no server takes events on this machine, so nothing is on its way; else the server does
    it, and up to `wait_s` seconds are waited for that. Raises: StoreUnavailable; the requests stay and are carried out
    by the next server.
    """
    with _spool_of_our_own() as spool:
        if spool is None:
            return _wait_for_server(erasures, wait_s, progress)
        if spool.pending_bytes:
            return Outcome.SPOOL
        store = event_store()
        require_current_schema(store)
        for erasure in erasures:
            work_off(store, erasure)
            progress()
    return Outcome.DONE


@contextmanager
def _spool_of_our_own() -> Iterator[Spool | None]:
    """Hold the spool, so that no server can start meanwhile; None while one runs."""
    try:
        spool = Spool(settings.SPOOL_DIR, max_bytes=settings.SPOOL_MAX_BYTES, sync_ms=0)
    except StoreUnavailable:
        yield None
        return
    try:
        yield spool
    finally:
        spool.close()


def _wait_for_server(erasures: Sequence[Erasure], wait_s: float, progress: Callable[[], object]) -> Outcome:
    waiting = {erasure.pk for erasure in erasures}
    until = monotonic_seconds() + wait_s
    while True:
        done = set(Erasure.objects.filter(pk__in=waiting, finished_at__isnull=False).values_list("pk", flat=True))
        for _ in done:
            progress()
        waiting -= done
        if not waiting:
            break
        if monotonic_seconds() >= until:
            return Outcome.SERVER
        sleep(POLL_S)
    for erasure in erasures:
        erasure.refresh_from_db()
    return Outcome.DONE
