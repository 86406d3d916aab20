"""The sites that take events, in memory: domain or public id → IntakeSite, unknown ones too.

A look-up never waits: what is not known yet is reported as such, and the caller loads it off the event loop.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from analytics_project.errors import StoreUnavailable
from stats.types import IntakeSite

logger = logging.getLogger(__name__)

REFRESH_AFTER_S = 60
FORGET_UNKNOWN_AFTER_S = 2
MOST_ENTRIES = 50_000
MAX_DOMAIN_CHARACTERS = 253


class Unloaded(Enum):
    """The answer for a domain that nobody has asked the relational store about lately."""

    UNLOADED = "unloaded"


UNLOADED = Unloaded.UNLOADED


@dataclass(frozen=True, slots=True)
class _Entry:
    site: IntakeSite | None
    loaded_at: int
    generation: int


class SiteDirectory:
    """Keeps a known site for a minute and an unknown domain for two seconds, so that a new site counts at once.

    While the relational store is down, the sites already known go on taking events.
    """

    def __init__(self, load: Callable[[str], IntakeSite | None]) -> None:
        """`load` asks the relational store; it raises StoreUnavailable when that does not answer."""
        self._load = load
        self._entries: dict[str, _Entry] = {}
        self._keeping = threading.Lock()
        self._generation = 0

    def lookup(self, domain: str, now: int) -> IntakeSite | None | Unloaded:
        """Return the site, None when there is none, or UNLOADED when `load` must be called first."""
        if not 0 < len(domain) <= MAX_DOMAIN_CHARACTERS:
            return None
        entry = self._entries.get(domain)
        if entry is None or entry.generation != self._generation:
            return UNLOADED
        age = now - entry.loaded_at
        if age < 0 or age > (FORGET_UNKNOWN_AFTER_S if entry.site is None else REFRESH_AFTER_S):
            return UNLOADED
        return entry.site

    def last_known(self, domain: str) -> IntakeSite | None:
        """Return what was loaded last, however old: what a request relies on that has just had it loaded.

        Between its load and its use the entry may turn out of date, when another request loads it at a later second or
        when some site changes.
        """
        entry = self._entries.get(domain)
        return None if entry is None else entry.site

    def load(self, domain: str, now: int) -> None:
        """Ask the relational store; may be called from another thread. Raises: StoreUnavailable for a new domain."""
        generation, former = self._generation, self._entries.get(domain)
        try:
            self._keep(domain, _Entry(self._load(domain), now, generation))
        except StoreUnavailable:
            if former is None or former.site is None:
                raise
            logger.warning("the relational store does not answer; site %s is taken as it was last known", domain)
            self._keep(domain, replace(former, loaded_at=now, generation=generation))

    def expire(self) -> None:
        """Ask again about every site at its next event: something about sites has changed."""
        self._generation += 1

    def _keep(self, domain: str, entry: _Entry) -> None:
        with self._keeping:
            if len(self._entries) >= MOST_ENTRIES:
                self._entries = {name: known for name, known in self._entries.items() if known.site is not None}
            self._entries[domain] = entry
