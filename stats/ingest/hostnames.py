"""The registrable domain of a hostname: visits on its subdomains are one visitor's (event contract 3.1)."""

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from stats.ingest.addresses import canonical_address
from stats.ingest.pages import NO_HOSTNAME


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def warm() -> None:
    """Read the suffix list now instead of at the first event."""
    _suffixes()


@lru_cache(maxsize=10_000)
def root_domain(hostname: str) -> str:
    """Return the registrable domain by the Public Suffix List, its private section included.

    `(none)`, addresses, and names with nothing registrable (`localhost`, a bare suffix) come back as they are.
    Expects a stored hostname: lower case, no port. Names outside ASCII are compared in their IDNA form and returned
    in their own spelling. Never raises. Source: event contract 3.1.
    """
    if hostname == NO_HOSTNAME or "." not in hostname or canonical_address(hostname):
        return hostname
    registrable = _suffixes().privatesuffix(_ascii_form(hostname))
    if not registrable:
        return hostname
    return ".".join(hostname.split(".")[-len(registrable.split(".")) :])


def _ascii_form(hostname: str) -> str:
    if hostname.isascii():
        return hostname
    try:
        return hostname.encode("idna").decode()
    except UnicodeError:
        return hostname
