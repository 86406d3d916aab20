"""Views out of web servers' access logs: which lines are views, and what live intake would have made of them.

Reads the combined and the common log format, with or without a virtual host in front (Apache and nginx). A line becomes
an event of the bulk import, so visits come from the same rules as everywhere. Addresses and user agents stay in memory:
visitors are hashed under salts drawn for this reading, one a local day, and forgotten at its end.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

import orjson

from stats.ingest.addresses import canonical_address
from stats.ingest.agents import describe_agent
from stats.ingest.hostnames import root_domain
from stats.ingest.pages import parse_page
from stats.ingest.sources import acquisition_of, is_spam_referrer
from stats.ingest.visitor import SALT_BYTES, LocalDays, visitor_id, visitor_text
from stats.types import Agent, Page, Place

MAX_URL_BYTES = 2000
MAX_REFERRER_CHARACTERS = 2000
_EARLIEST = 631_152_000  # 1990-01-01, the earliest that the bulk import takes
_VIEW_STATUSES = frozenset({"200", "304"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'  # backslashes escape, quotes included
_LINE = re.compile(
    r"(?P<head>[^\s\[\"]+ [^\[\"]+) "
    r"\[(?P<minute>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):(?P<second>\d\d) (?P<zone>[+-]\d{4})\] "
    rf'"(?P<request>{_QUOTED})" (?P<status>\d{{3}}) (?:\d+|-)(?: "(?P<referrer>{_QUOTED})" "(?P<agent>{_QUOTED})")?'
)
_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<target>\S.*?)(?: HTTP/[\d.]+)?")
_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")

_FILE_EXTENSIONS = frozenset(
    extension
    for kind in (
        "avif bmp cur gif heic ico jpeg jpg png svg svgz tif tiff webp",
        "css less map scss xsl js cjs mjs wasm eot otf ttf woff woff2",
        "aac avi flac flv m3u8 m4a m4v mid mkv mov mp3 mp4 mpeg mpg oga ogg ogv opus swf wav webm wmv",
        "csv doc docx epub ods odt pdf ppt pptx ps rtf xls xlsx",
        "7z apk bin bz2 deb dmg exe gz img iso jar msi rar rpm tar tgz xz zip zst",
        "asc cfg conf ini json jsonld log md5 sh sha1 sha256 sig sql txt webmanifest yaml yml",
    )
    for extension in kind.split()
)
_FEED_EXTENSIONS = frozenset({"atom", "rdf", "rss", "xml"})
_FEED_NAMES = frozenset({"atom", "feed", "feeds", "rss", "rss2"})
_FEED_PARAMETER = re.compile(r"(?:^|[&;])(?:feed|flav|flavor|format|type)=(?:atom|rdf|rss)", re.IGNORECASE)


class SkipReason(StrEnum):
    """Why a line of a log is no view; a closed set, tested in this order."""

    UNREADABLE = "unreadable"
    METHOD = "not_get"
    STATUS = "status_not_200_or_304"
    TOO_LONG = "url_too_long"
    FEED = "feed"
    ASSET = "asset"
    BOT = "bot"
    SPAM = "spam_referrer"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One request as the log tells it; `host` is empty without a virtual host, `agent` None in the common format."""

    host: str
    address: str
    at: int
    method: str
    target: str
    status: str
    referrer: str
    agent: str | None


def parse_log_line(text: str) -> LogLine | None:
    """Take a line of the combined or common format apart; None when it is neither, or holds no HTTP request."""
    found = _LINE.match(text)
    if found is None:
        return None
    request = _REQUEST.fullmatch(found["request"])
    start = _unix_minute(found["minute"], found["zone"])
    client = _client(found["head"])
    if request is None or start is None or client is None:
        return None
    agent = found["agent"]
    return LogLine(
        host=client[0],
        address=client[1],
        at=start + int(found["second"]),
        method=request["method"],
        target=request["target"],
        status=found["status"],
        referrer=_unescaped(found["referrer"] or "-"),
        agent=None if agent is None else _unescaped(agent),
    )


def _unescaped(text: str) -> str:
    if text == "-":
        return ""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 3 else found[1], text)


@lru_cache(maxsize=1000)
def _unix_minute(minute: str, zone: str) -> int | None:
    day, month, rest = minute.split("/")
    year, hour, minutes = rest.split(":")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    try:
        east = timezone(-offset if zone[0] == "-" else offset)
        return int(
            datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minutes), tzinfo=east).timestamp()
        )
    except ValueError:
        return None


@lru_cache(maxsize=50_000)
def _client(head: str) -> tuple[str, str] | None:
    """Return (virtual host, client) of what stands before the time: `[host[:port]] client identity user`."""
    words = head.split(" ")
    if len(words) < 3:
        return None
    first, second, *rest = words
    has_host = len(rest) > 1 and not canonical_address(first) and bool(canonical_address(second))
    host, client = (first.rpartition(":")[0] or first, second) if has_host else ("", first)
    return host.lower(), canonical_address(client) or client


@lru_cache(maxsize=50_000)
def _page(host: str, target: str) -> Page:
    is_whole_url = target.startswith(("http://", "https://"))
    return parse_page(target if is_whole_url else f"https://{host}{target}", hash_mode=False)


@lru_cache(maxsize=50_000)
def _file_kind(pathname: str, query: str) -> SkipReason | None:
    """Tell feeds and files that a page pulls in or a visitor downloads from pages."""
    name = pathname.rstrip("/").rpartition("/")[2].lower()
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension in _FEED_EXTENSIONS or name in _FEED_NAMES or (query and _FEED_PARAMETER.search(query)):
        return SkipReason.FEED
    return SkipReason.ASSET if extension in _FILE_EXTENSIONS else None


class AccessLog:
    """The lines of one or several logs, read once as a body for the bulk import; it counts as it is read.

    `views` and the counts in `skipped` add up to `lines`. `digest` names what was read so far, whatever the salts.
    """

    def __init__(
        self,
        lines: Iterable[bytes],
        *,
        domain: str,
        timezone_name: str,
        find_place: Callable[[str], Place],
        latest: int,
        ai_assistants: bool = True,
        payment_hosts: frozenset[str] = frozenset(),
    ) -> None:
        """Read `lines` for the site of that domain; lines from after `latest` (unix seconds) are unreadable."""
        self.lines = 0
        self.views = 0
        self.skipped: Counter[SkipReason] = Counter()
        self._source = iter(lines)
        self._domain = domain
        self._timezone = timezone_name
        self._find_place = find_place
        self._latest = latest
        self._ai_assistants = ai_assistants
        self._payment_hosts = payment_hosts
        self._days = LocalDays()
        self._salts: dict[str, bytes] = {}
        self._digest = blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """Return a hash of the lines read so far."""
        return self._digest.hexdigest()

    def read(self, size: int, /) -> bytes:
        """Return the events of further lines, about `size` bytes of them, none at the end."""
        parts: list[bytes] = []
        left = size
        for raw in self._source:
            self._digest.update(raw)
            self.lines += 1
            outcome = self._take(raw.decode(errors="replace").rstrip("\r\n"))
            if isinstance(outcome, SkipReason):
                self.skipped[outcome] += 1
                continue
            self.views += 1
            parts.append(outcome)
            left -= len(outcome)
            if left <= 0:
                break
        return b"".join(parts)

    def _take(self, text: str) -> bytes | SkipReason:
        line = parse_log_line(text)
        if line is None or not _EARLIEST <= line.at <= self._latest:
            return SkipReason.UNREADABLE
        if line.method != "GET":
            return SkipReason.METHOD
        if line.status not in _VIEW_STATUSES:
            return SkipReason.STATUS
        if len(line.target.encode()) > MAX_URL_BYTES:
            return SkipReason.TOO_LONG
        page = _page(line.host or self._domain, line.target)
        if (kind := _file_kind(page.pathname, page.query)) is not None:
            return kind
        agent = describe_agent(line.agent or "")
        if agent.is_bot:
            return SkipReason.BOT
        if is_spam_referrer(line.referrer):
            return SkipReason.SPAM
        return self._event(line, page, agent)

    def _event(self, line: LogLine, page: Page, agent: Agent) -> bytes:
        acquisition = acquisition_of(
            page.query,
            page.hostname,
            line.referrer[:MAX_REFERRER_CHARACTERS],
            self._ai_assistants,
            self._payment_hosts,
        )
        place = self._find_place(line.address)
        visitor = visitor_id(
            self._salt_at(line.at), line.agent or "", line.address, self._domain, root_domain(page.hostname)
        )
        event = {
            "timestamp": datetime.fromtimestamp(line.at, UTC),
            "visitor_id": visitor_text(visitor),
            "hostname": page.hostname,
            "pathname": page.pathname,
            "referrer": acquisition.referrer,
            "source": acquisition.source,
            "channel": acquisition.channel,
            "utm_source": acquisition.utm_source,
            "utm_medium": acquisition.utm_medium,
            "utm_campaign": acquisition.utm_campaign,
            "utm_content": acquisition.utm_content,
            "utm_term": acquisition.utm_term,
            "click_id_param": acquisition.click_id_param,
            "country_code": place.country_code,
            "subdivision1_code": place.subdivision1_code,
            "subdivision2_code": place.subdivision2_code,
            "city_geoname_id": place.city_geoname_id,
            "screen_size": agent.device,
            "browser": agent.browser,
            "browser_version": agent.browser_version,
            "os": agent.os,
            "os_version": agent.os_version,
        }
        return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)

    def _salt_at(self, at: int) -> bytes:
        day = self._days.of(self._timezone, at).text
        salt = self._salts.get(day)
        if salt is None:
            salt = self._salts[day] = secrets.token_bytes(SALT_BYTES)
        return salt
