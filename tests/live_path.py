"""The live path in one process for tests: requests go in as ASGI messages, rows come out of the event store."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from accounts.types import SiteId, SiteRef
from analytics_project.errors import NotAuthenticated
from stats.ingest.addresses import TrustedProxies
from stats.ingest.city_names import CityNames
from stats.ingest.intake import Intake, IntakeParts
from stats.ingest.views import EventEndpoint
from stats.store.client import EventStore
from stats.types import IntakeSite, Place

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
ADDRESS = "203.0.113.9"
TEST_SALT = bytes(range(16))
_site_numbers = itertools.count(50_000)


def intake_site(domain: str, **changes: Any) -> IntakeSite:
    """Return a site with a number of its own whose id text is its domain; keywords set fields of either value."""
    of_ref = {"timezone", "currency", "public_id"}
    ref = SiteRef(
        id=SiteId(next(_site_numbers)),
        domain=domain,
        **{"public_id": domain, "timezone": "Etc/UTC", "currency": "EUR"}
        | {name: value for name, value in changes.items() if name in of_ref},
    )
    return IntakeSite(ref=ref, **{name: value for name, value in changes.items() if name not in of_ref})


class NoPlaces:
    """A place database that knows nothing, or one place for all."""

    def __init__(self, place: Place | None = None) -> None:
        self.place = place or Place()
        self.city_names = CityNames()
        self.asked: list[str] = []

    def find(self, address: str) -> Place:
        """Return the one place."""
        self.asked.append(address)
        return self.place


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return orjson.loads(self.body)


@dataclass
class LivePath:
    """Intake on a temporary spool and the session's event store."""

    store: EventStore
    directory: Path
    sites: dict[str, IntakeSite] = field(default_factory=dict)
    places: NoPlaces = field(default_factory=NoPlaces)
    salt_for: Callable[[date], bytes] = lambda on: TEST_SALT
    rate: Decimal | None = Decimal("0.5")
    trusted_proxies: tuple[str, ...] = ()
    open_store: Callable[[], Any] | None = None
    spool_max_bytes: int = 50_000_000

    def __post_init__(self) -> None:
        self.intake = self._start()

    def _start(self) -> Intake:
        intake = Intake(
            IntakeParts(
                load_site=self.sites.get,
                change_mark=lambda: 0,
                load_salt=self._load_salt,
                destroy_salts_before=lambda on: None,
                open_store=self.open_store or (lambda: self.store),
                places=self.places,
                convert_money=lambda amount, source, target, on: None if self.rate is None else amount * self.rate,
                spool_directory=self.directory,
                spool_max_bytes=self.spool_max_bytes,
                spool_sync_ms=1_000,
            )
        )
        intake.start()
        proxies = TrustedProxies(self.trusted_proxies)
        self.endpoint = EventEndpoint(intake.collector, intake.loader, proxies, self._authorise)
        return intake

    def _authorise(self, key: str, domain: str) -> tuple[int, bytes]:
        """Let the key that is named after a site's domain speak for it."""
        site = self.sites.get(domain)
        if site is None or key != f"key of {domain}":
            raise NotAuthenticated("Invalid API key")
        return site.ref.id, b"secret of the site"

    def _load_salt(self, on: date) -> bytes:
        return self.salt_for(on)

    def add(self, *sites: IntakeSite) -> None:
        """Let sites take events under their domain and their public id."""
        for site in sites:
            self.sites[site.ref.domain] = self.sites[site.ref.public_id] = site

    def post(
        self,
        body: Any,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str | None = "text/plain",
        query: str = "",
        method: str = "POST",
        chunk_bytes: int = 0,
    ) -> Answer:
        """Send one request from Firefox at 203.0.113.9 unless headers say otherwise; a dict is sent as JSON."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"User-Agent": FIREFOX, "X-Forwarded-For": ADDRESS, **(headers or {})}
        if content_type is not None:
            sent["Content-Type"] = content_type
        scope = {
            "type": "http",
            "method": method,
            "path": "/api/event",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.200", 4711),
        }
        return asyncio.run(self._exchange(scope, raw, chunk_bytes or max(len(raw), 1)))

    async def _exchange(self, scope: dict[str, Any], body: bytes, chunk_bytes: int) -> Answer:
        chunks = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)] or [b""]
        incoming = iter(
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
            for number, chunk in enumerate(chunks, start=1)
        )
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(incoming)

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await self.endpoint(scope, receive, send)
        start, *rest = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message["body"] for message in rest))

    def written(self) -> None:
        """Wait until everything accepted is in the event store."""
        self.intake.writer.wait_until(self.intake.spool.head)

    def events(self, site: IntakeSite) -> list[dict[str, Any]]:
        """Return the site's event rows in the order of time."""
        return self._rows("events", site, "timestamp, session_id")

    def visits(self, site: IntakeSite) -> list[dict[str, Any]]:
        """Return the final state of the site's visits in the order of their start."""
        return [row for row in self._rows("sessions FINAL", site, "start, session_id") if row["is_visit"]]

    def carried(self, site: IntakeSite) -> list[tuple[str, str, int, int]]:
        """Return what is noted of events on other days: (day, the visit's day, pageviews, events), in order."""
        rows = self._rows("sessions", site, "timestamp, carried_events DESC")
        names = ("day", "visit_day", "carried_pageviews", "carried_events")
        return [tuple(row[name] for name in names) for row in rows if not row["is_visit"]]

    def _rows(self, table: str, site: IntakeSite, order: str) -> list[dict[str, Any]]:
        self.written()
        return self.store.read_rows(
            f"SELECT * FROM {table} WHERE site_id = {{site:UInt32}} ORDER BY {order}", {"site": site.ref.id}, tag="test"
        )

    def stop(self) -> None:
        """Stop cleanly."""
        self.intake.stop()

    def restart(self) -> None:
        """Stop and start again, as after an upgrade."""
        self.intake.stop()
        self.intake = self._start()
