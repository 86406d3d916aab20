"""One thread of the serving process for what may wait: statistics to be erased, names to be saved or that lapsed."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from accounts.invitation_services import forget_lapsed_invitations
from accounts.models import OLD_DOMAIN_GRACE
from accounts.site_services import sweep_old_domains
from analytics_project import clock
from analytics_project.background import background_thread
from analytics_project.clock import monotonic_seconds
from analytics_project.errors import AppError
from goals.selectors import forget_completion_requests
from goals.types import IDEMPOTENCY_KEYS_HOLD
from stats.city_services import save_met_city_names
from stats.erasure_services import look_again, work_off_erasures
from stats.ingest.intake import Intake
from stats.services import event_store, while_connected
from stats.store.client import EventStore

logger = logging.getLogger(__name__)

EVERY_S: Final = 2.0
LONGEST_STOP_S: Final = 20.0
SWEEP_EVERY_S: Final = 7200.0  # Sites API contract, section 3: old names are swept every two hours


class Housekeeping:
    """Does its rounds until stopped; a store that does not answer is asked again in the next one."""

    def __init__(self, intake: Intake, works: Sequence[Callable[[EventStore], object]] = ()) -> None:
        """Take what other apps have to do with the event store beside what is done here."""
        self._intake = intake
        self._works = works
        self._stopping = threading.Event()
        self._swept_at: float | None = None
        self._thread = background_thread("housekeeping", self._run)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way, but wait for no more than 20 s: an erasure cut short is done again."""
        self._stopping.set()
        self._thread.join(LONGEST_STOP_S)
        self._do(save_met_city_names)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            for work in (self._erase, self._look_again, self._sweep, save_met_city_names):
                self._do(work)
            for store_work in self._works:
                self._do(partial(self._with_store, store_work))

    def _do(self, work: Callable[[], object]) -> None:
        try:
            while_connected(work)()
        except AppError as problem:
            logger.warning("housekeeping is tried again: %s", problem)

    def _with_store(self, work: Callable[[EventStore], object]) -> None:
        work(event_store())

    def _erase(self) -> None:
        work_off_erasures(event_store(), self._settle)

    def _look_again(self) -> None:
        look_again(event_store())

    def _sweep(self) -> None:
        now = monotonic_seconds()
        if self._swept_at is None or now - self._swept_at >= SWEEP_EVERY_S:
            sweep_old_domains(OLD_DOMAIN_GRACE)
            forget_lapsed_invitations()
            forget_completion_requests(clock.now() - IDEMPOTENCY_KEYS_HOLD)
            self._swept_at = now

    def _settle(self, site_number: int) -> None:
        """Return once intake knows of the change and all that it accepted for the site is in the store."""
        self._intake.notice_changed_sites()
        self._intake.wait_for_accepted(site_number)
