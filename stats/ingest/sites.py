"""The sites that take events, in memory: domain or public id → IntakeSite, unknown ones too.

A look-up never waits: what is not known yet is reported as such, and the caller loads it off the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from stats.types import IntakeSite

REFRESH_AFTER_S = 20
FORGET_UNKNOWN_AFTER_S = 2
MOST_ENTRIES = 50_000


class Unloaded(Enum):
    """The answer for a domain that nobody has asked the relational store about lately."""

    UNLOADED = "unloaded"


UNLOADED = Unloaded.UNLOADED


@dataclass(frozen=True, slots=True)
class _Entry:
    site: IntakeSite | None
    loaded_at: int


class SiteDirectory:
    """Keeps a known site for 20 seconds and an unknown domain for 2, so that a new site counts at once."""

    def __init__(self, load: Callable[[str], IntakeSite | None]) -> None:
        self._load = load
        self._entries: dict[str, _Entry] = {}

    def lookup(self, domain: str, now: int) -> IntakeSite | None | Unloaded:
        """Return the site, None when there is none, or UNLOADED when `load` must be called first."""
        entry = self._entries.get(domain)
        if entry is None:
            return UNLOADED
        age = now - entry.loaded_at
        if age > (REFRESH_AFTER_S if entry.site is not None else FORGET_UNKNOWN_AFTER_S) or age < 0:
            return UNLOADED
        return entry.site

    def load(self, domain: str, now: int) -> None:
        """Ask the relational store; may be called from another thread."""
        site = self._load(domain) if 0 < len(domain) <= 253 else None
        if len(self._entries) >= MOST_ENTRIES:
            self._entries = {name: entry for name, entry in self._entries.items() if entry.site is not None}
        self._entries[domain] = _Entry(site, now)

    def forget(self) -> None:
        """Drop everything known."""
        self._entries = {}
