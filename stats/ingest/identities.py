"""Who a visitor is: the user whom a page or a server names for it (event contract 3.3, revenue contract 3.2).

A user is a number in the visitors' own id space, the one that an own id of the site's backend has, so that a payment of
`u42` and the browsers in which `u42` logged in share one path. The text is not kept.
"""

import unicodedata

import orjson

from stats.ingest.visitor import number_of_visitor

_MICROSECONDS = 1_000_000


def user_number(secret: bytes, text: str) -> int | None:
    """Return the number that a user's id means under a site's secret, None for a text that can be no id."""
    text = text.strip()
    if not text or any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        return None
    return number_of_visitor(secret, text)


class IdentityRows:
    """Makes rows of `identities`; of two the later has the later instant, also within one second."""

    def __init__(self) -> None:
        self._latest = 0

    def row(self, site_id: int, visitor_id: int, user_id: int, at: int) -> bytes:
        """Return the row of one identification; `at` is the receive time in unix seconds."""
        self._latest = max(self._latest + 1, at * _MICROSECONDS)
        seconds, rest = divmod(self._latest, _MICROSECONDS)
        return orjson.dumps([site_id, visitor_id, user_id, f"{seconds}.{rest:06d}"])
