"""Names of cities that look-ups of places have met, until somebody saves them."""

import threading
from collections.abc import Collection, Mapping


class CityNames:
    """English names by GeoNames number, the newest of each; safe to share between threads.

    It grows with the cities that are met and stays small: all cities of a place file take some ten megabytes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._met: dict[int, str] = {}
        self._unsaved: dict[int, str] = {}

    def note(self, number: int, name: str) -> None:
        """Remember what a city is called."""
        if self._met.get(number) != name:
            with self._lock:
                self._met[number] = self._unsaved[number] = name

    def named(self, numbers: Collection[int]) -> dict[int, str]:
        """Return the names of those cities that were met, saved or not."""
        return {number: self._met[number] for number in numbers if number in self._met}

    def take_unsaved(self) -> dict[int, str]:
        """Return the names that were new, or had changed, since the last call."""
        if not self._unsaved:
            return {}
        with self._lock:
            taken, self._unsaved = self._unsaved, {}
        return taken

    def give_back(self, names: Mapping[int, str]) -> None:
        """Take names back that could not be saved; what was met since is newer."""
        with self._lock:
            self._unsaved = {**names, **self._unsaved}
