"""Where a visit came from: query tags, click ids, referrer, source (event contract 2.3 to 2.5)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from stats.ingest.channels import channel_of
from stats.ingest.pages import UrlParts, percent_decode, split_url, without_www
from stats.types import Acquisition

_DATA = Path(__file__).parent / "data"

_SOURCE_TAGS = ("utm_source", "source", "ref")
_CLICK_IDS = ("gclid", "gbraid", "wbraid", "msclkid", "fbclid", "twclid")
_PARAMETERS = frozenset({*_SOURCE_TAGS, *_CLICK_IDS, "utm_medium", "utm_campaign", "utm_content", "utm_term"})
_INFERRED_MEDIA = {("Google", "gclid"): "(gclid)", ("Bing", "msclkid"): "(msclkid)"}
_COUNTING_SCHEMES = frozenset({"http", "https", "android-app"})
_WIKIPEDIA = re.compile(r"(?!www\.)[a-z0-9-]+(?:\.m)?\.wikipedia\.org")


@dataclass(frozen=True, slots=True)
class _ReferrerTable:
    """Rows of the referrer table by host, and names by their lower-cased spelling or alias."""

    hosts: Mapping[str, str]
    paths: Mapping[str, tuple[tuple[str, str], ...]]
    names: Mapping[str, str]


def _rows(database: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {row: name for name, rows in database.items() for row in rows}


@cache
def _table() -> _ReferrerTable:
    """Read the packaged database with our own rows on top."""
    rows: dict[str, str] = {}
    for file in ("referrer_database.json", "referrer_additions.json"):
        rows.update(_rows(json.loads((_DATA / file).read_text())))
    aliases: dict[str, list[str]] = json.loads((_DATA / "source_aliases.json").read_text())
    hosts: dict[str, str] = {}
    paths: dict[str, list[tuple[str, str]]] = {}
    for row, name in rows.items():
        host, slash, path = row.partition("/")
        if slash:
            paths.setdefault(host, []).append((f"/{path}", name))
        else:
            hosts[host] = name
    names: dict[str, str] = {}
    for name in rows.values():
        names.setdefault(name.lower(), name)
    for name, tags in aliases.items():
        names[name.lower()] = name
        names.update(dict.fromkeys(tags, name))
    longest_first = {host: tuple(sorted(of_host, key=lambda row: -len(row[0]))) for host, of_host in paths.items()}
    return _ReferrerTable(hosts, longest_first, names)


@cache
def _spam_hosts() -> frozenset[str]:
    return frozenset((_DATA / "spam_hosts.txt").read_text().split())


@cache
def payment_hosts() -> frozenset[str]:
    """Return the hosts of payment pages that are known, lower case; those below them are meant as well."""
    return frozenset((_DATA / "payment_hosts.txt").read_text().split())


def warm() -> None:
    """Read the data files now instead of at the first event."""
    acquisition_of("", "", "https://warm.invalid/")  # reads the payment hosts too
    _spam_hosts()


def is_spam_referrer(referrer: str) -> bool:
    """Tell whether the referrer's host, without `www.`, is on the spam list; subdomains are not meant."""
    return bool(referrer) and without_www(split_url(referrer).host) in _spam_hosts()


@lru_cache(maxsize=20_000)
def acquisition_of(
    page_query: str,
    hostname: str,
    referrer: str,
    ai_assistants: bool = True,
    more_payment_hosts: frozenset[str] = frozenset(),
) -> Acquisition:
    """Return how a visit came about.

    `page_query` is the raw query of the page's URL, `hostname` the event's, `referrer` the raw referring URL; each may
    be empty or garbage. Whoever comes back from a payment page came from nowhere: the referrer does not count where its
    host is one that we know, one of `more_payment_hosts`, or below one of them.
    Never raises. Source: event contract 2.3 to 2.6; Goals and Revenue API contract, 3.2 (payment pages).
    """
    tags = _parameters(page_query) if page_query else {}
    parts = _counting_referrer(referrer, hostname) if referrer else None
    if parts and _is_payment_page(parts.host, more_payment_hosts):
        parts = None
    tagged = next((tags[name] for name in _SOURCE_TAGS if name in tags), None)
    if tagged is not None:
        source = _canonical_name(tagged)
    else:
        source = _canonical_name(_referrer_source(parts)) if parts else ""
    click_id = next((name for name in _CLICK_IDS if name in tags), "")
    medium = tags.get("utm_medium")
    if medium is None:
        medium = _INFERRED_MEDIA.get((source, click_id), "")
    campaign = tags.get("utm_campaign", "")
    return Acquisition(
        referrer=_stored_referrer(parts) if parts else "",
        source=source,
        channel=channel_of(source, medium, campaign, tagged or "", click_id, ai_assistants=ai_assistants),
        utm_source=tagged or "",
        utm_medium=medium,
        utm_campaign=campaign,
        utm_content=tags.get("utm_content", ""),
        utm_term=tags.get("utm_term", ""),
        click_id_param=click_id,
    )


def _parameters(query: str) -> dict[str, str]:
    """Decode the parameters that matter, as a form; the last one of a name wins."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        name = _form_decode(name)
        if name in _PARAMETERS:
            found[name] = _form_decode(value)
    return found


def _form_decode(text: str) -> str:
    return percent_decode(text.replace("+", " "))


def _counting_referrer(referrer: str, hostname: str) -> UrlParts | None:
    parts = split_url(referrer)
    if parts.scheme not in _COUNTING_SCHEMES or not parts.host or parts.host == "localhost":
        return None
    return None if without_www(parts.host) == without_www(hostname) else parts


def _is_payment_page(host: str, more: frozenset[str]) -> bool:
    known = payment_hosts()
    while host:
        if host in known or host in more:
            return True
        host = host.partition(".")[2]
    return False


def _stored_referrer(parts: UrlParts) -> str:
    return f"{_app_prefix(parts)}{without_www(parts.host)}{parts.path.rstrip('/')}"


def _app_prefix(parts: UrlParts) -> str:
    return "android-app://" if parts.scheme == "android-app" else ""


def _referrer_source(parts: UrlParts) -> str:
    """Return the name of the longest row that fits the referrer's host and path, else the host."""
    table = _table()
    best_length, best_name = 0, ""
    host = parts.host
    while host:
        name = table.hosts.get(host)
        if name and len(host) > best_length:
            best_length, best_name = len(host), name
        for path, path_name in table.paths.get(host, ()):
            if parts.path == path or parts.path.startswith(f"{path}/"):
                if len(host) + len(path) > best_length:
                    best_length, best_name = len(host) + len(path), path_name
                break
        host = host.partition(".")[2]
    return best_name or f"{_app_prefix(parts)}{without_www(parts.host)}"


def _canonical_name(text: str) -> str:
    """Return the spelling under which a name or alias is stored; any other text as it came."""
    lowered = text.lower()
    if name := _table().names.get(lowered):
        return name
    return "Wikipedia" if lowered.endswith(".wikipedia.org") and _WIKIPEDIA.fullmatch(lowered) else text
