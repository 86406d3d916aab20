"""What became of the events: counts by minute, domain, outcome and tracker version (event contract 1.5)."""

from collections import Counter
from typing import NamedTuple

BUFFERED = "buffered"


class Count(NamedTuple):
    """How many events of a minute (unix seconds) had an outcome: `buffered` or `dropped_<reason>`."""

    site_id: int
    minute: int
    outcome: str
    tracker_version: int
    events: int


class OutcomeCounters:
    """Adds up in memory; `take` hands the sums over and starts anew. For one thread, the event loop's."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, int, str, int]] = Counter()

    def add(self, site_id: int, at: int, outcome: str, tracker_version: int, events: int = 1) -> None:
        """Count events; `site_id` is 0 for a domain that no site has."""
        self._counts[(site_id, at - at % 60, outcome, tracker_version)] += events

    def take(self) -> list[Count]:
        """Return what was counted since the last call."""
        counts, self._counts = self._counts, Counter()
        return [Count(*key, events=number) for key, number in sorted(counts.items())]
