"""Traffic shields of a site: addresses, countries and pages denied, hostnames allowed (event contract 2.8)."""

import re
from collections.abc import Iterable

from stats.ingest.addresses import canonical_address
from stats.types import DropReason, Shields, Wildcard

_STARS = re.compile(r"\*+")


def compile_wildcard(pattern: str) -> Wildcard:
    """Return a pattern that is anchored at both ends, and in which `*` and `**` stand for any text, slashes too."""
    parts = _STARS.split(pattern)
    if len(parts) == 1:
        return Wildcard(exact=pattern)
    return Wildcard(prefix=parts[0], middle=tuple(parts[1:-1]), suffix=parts[-1])


def compile_shields(
    ips: Iterable[str], countries: Iterable[str], pages: Iterable[str], hostnames: Iterable[str]
) -> Shields:
    """Return a site's rules ready to be applied.

    Addresses are compared in canonical text, countries in upper case, hostnames in lower case, pages as written.
    """
    addresses = (canonical_address(ip.strip()) for ip in ips)
    return Shields(
        addresses=frozenset(address for address in addresses if address),
        countries=frozenset(code.strip().upper() for code in countries),
        pages=tuple(compile_wildcard(page) for page in pages),
        hostnames=tuple(compile_wildcard(hostname.lower()) for hostname in hostnames),
    )


def shield_reason(shields: Shields, hostname: str, pathname: str, address: str) -> DropReason | None:
    """Return why an event is dropped, or None; `address` is canonical text. Denied countries are
    the caller's to check, once the place is known.

    Order of the checks: hostname, page, address (event contract 1.5). No hostname rule allows every hostname.
    """
    if shields.hostnames and not any(rule.matches(hostname) for rule in shields.hostnames):
        return DropReason.SITE_HOSTNAME_ALLOWLIST
    if shields.pages and any(rule.matches(pathname) for rule in shields.pages):
        return DropReason.SITE_PAGE_BLOCKLIST
    if address in shields.addresses:
        return DropReason.SITE_IP_BLOCKLIST
    return None
