"""A page URL taken apart into what is stored of it (event contract 2.1 and 2.2)."""

import re
from functools import lru_cache
from typing import NamedTuple

from stats.types import Page

NO_HOSTNAME = "(none)"

# The general shape of a URL reference (RFC 3986, appendix B): matches any text, in linear time, and refuses nothing.
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class UrlParts(NamedTuple):
    """The five parts of a URL, undecoded; `fragment` is None without a `#`, the others are empty when absent.

    `scheme` and `host` are in lower case; `host` has neither user, port, brackets nor trailing dot.
    """

    scheme: str
    host: str
    path: str
    query: str
    fragment: str | None


def split_url(url: str) -> UrlParts:
    """Take any text apart as a URL; text that is none comes back as a path. Never raises."""
    match = _URL.match(url)
    if match is None:  # unreachable: every part of the pattern is optional
        return UrlParts("", "", url, "", None)
    scheme, authority, path, query, fragment = match.groups()
    host = _host_of(authority) if authority else ""
    return UrlParts(scheme.lower() if scheme else "", host, path, query or "", fragment)


def _host_of(authority: str) -> str:
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif ":" in host:
        host = host.partition(":")[0]
    return host.rstrip(".").lower()


def without_www(host: str) -> str:
    """Return the host without one leading `www.`."""
    return host.removeprefix("www.")


def percent_decode(text: str) -> str:
    """Decode percent escapes as UTF-8; escapes that are no UTF-8 stay as they stand, and NUL is left out."""
    if "%" in text:
        text = _ESCAPES.sub(_decode_run, text)
    return text.replace("\0", "") if "\0" in text else text


def _decode_run(match: re.Match[str]) -> str:
    run = match.group()
    octets = bytes.fromhex(run.replace("%", ""))
    pieces: list[str] = []
    start = 0
    while start < len(octets):
        try:
            pieces.append(octets[start:].decode())
            break
        except UnicodeDecodeError as problem:
            bad, after = start + problem.start, start + problem.end
            pieces.append(octets[start:bad].decode())
            pieces.append(run[3 * bad : 3 * after])
            start = after
    return "".join(pieces)


@lru_cache(maxsize=20_000)
def parse_page(url: str, hash_mode: bool) -> Page:
    """Return what is stored of a page's URL; with `hash_mode` its fragment belongs to the path.

    Any text is taken: without a host the hostname is `(none)`, without a path the pathname is `/`. Never raises.
    Source: event contract 2.1 and 2.2.
    """
    parts = split_url(url)
    pathname = percent_decode(parts.path).rstrip() or "/"
    if hash_mode and parts.fragment is not None:
        pathname = f"{pathname}#{percent_decode(parts.fragment)}"
    return Page(
        hostname=without_www(parts.host) or NO_HOSTNAME,
        pathname=pathname,
        query=parts.query,
        scheme=parts.scheme,
        url_host=parts.host,
    )
