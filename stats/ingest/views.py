"""The event endpoint and its neighbours as ASGI handlers, outside Django: nothing here waits for a report.

Answers and headers follow the event contract, part 1; every answer carries the CORS headers, refusals included.
"""

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import orjson

from analytics_project.clock import unix_seconds
from analytics_project.errors import AppError, InvalidPayload, error_body
from stats.ingest.addresses import TrustedProxies, client_address
from stats.ingest.collector import Client, Collector, Outcome
from stats.ingest.payload import MAX_BODY_BYTES, EventRequest, parse_payload
from stats.ingest.sites import UNLOADED
from stats.ingest.visitor import visitor_text

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Authorise = Callable[[str, str], tuple[int, bytes]]

_CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b""),
]
_PREFLIGHT: Headers = [
    *_CORS,
    (b"access-control-max-age", b"1728000"),
    (b"access-control-allow-methods", b"GET,POST,PUT,PATCH,DELETE,OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization,Content-Type,Accept,Origin,User-Agent,DNT,Cache-Control,X-Mx-ReqToken,Keep-Alive,"
        b"X-Requested-With,If-Modified-Since,X-CSRF-Token",
    ),
]
_TEXT: Headers = [*_CORS, (b"content-type", b"text/plain; charset=utf-8")]
_JSON: Headers = [*_CORS, (b"content-type", b"application/json; charset=utf-8")]
_OK: Headers = [*_TEXT, (b"content-length", b"2")]
_READ = frozenset(
    {
        b"user-agent",
        b"content-type",
        b"x-plausible-ip",
        b"cf-connecting-ip",
        b"b-forwarded-for",
        b"x-forwarded-for",
        b"forwarded",
        b"x-plausible-ip-type",
        b"x-debug-request",
        b"authorization",
        b"access-control-request-method",
    }
)


class EventEndpoint:
    """`POST /api/event`: reads, parses, takes and answers; at most one wait beside the body, for an unknown site."""

    def __init__(self, collector: Collector, loader: Executor, proxies: TrustedProxies, authorise: Authorise) -> None:
        self._collector = collector
        self._loader = loader
        self._proxies = proxies
        self._authorise = authorise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = _headers(scope["headers"])
        if scope["method"] != "POST":
            await _answer_other_method(scope["method"], headers, send)
            return
        try:
            body = await _body(receive)
            request = parse_payload(body, headers.get(b"content-type", b"").decode("latin-1"))
            client = self._client(scope, headers)
            if headers.get(b"x-debug-request", b"").lower() == b"true":
                await _answer(send, 200, _TEXT, client.address.encode())
                return
            now = unix_seconds()
            await self._load_unknown_sites(request, now)
            if b"authorization" in headers and (request.visitor_text or request.caller_text):
                client = await self._authorised(client, headers[b"authorization"], request)
            outcome = self._collector.take(request, client, now)
        except AppError as error:
            await _answer_error(send, error)
            return
        if scope["query_string"] and b"return=visitor" in scope["query_string"].split(b"&"):
            await _answer(send, 202, [*_JSON, *_drop_headers(outcome)], _ids(outcome))
        elif outcome.dropped:
            await _answer(send, 202, [*_TEXT, *_drop_headers(outcome)], b"ok")
        else:
            await send({"type": "http.response.start", "status": 202, "headers": _OK})
            await send({"type": "http.response.body", "body": b"ok"})

    def _client(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Client:
        peer = scope.get("client")
        peer_address = peer[0] if peer else ""
        trusted = self._proxies.trusts(peer_address)
        return Client(
            address=client_address(headers, peer_address, trusted),
            user_agent=headers.get(b"user-agent", b"").decode("utf-8", "replace"),
            address_verdict=headers.get(b"x-plausible-ip-type", b"").decode("latin-1") if trusted else "",
        )

    async def _authorised(self, client: Client, header: bytes, request: EventRequest) -> Client:
        """Let a request with a key name its visitor. Raises: NotAuthenticated for a key that may not."""
        kind, _, key = header.decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            return client
        loop = get_running_loop()
        granted = [
            await loop.run_in_executor(self._loader, self._authorise, key.strip(), domain) for domain in request.domains
        ]
        return replace(client, speaks_for=dict(granted))

    async def _load_unknown_sites(self, request: EventRequest, now: int) -> None:
        for domain in request.domains:
            if self._collector.sites.lookup(domain, now) is UNLOADED:
                await get_running_loop().run_in_executor(self._loader, self._collector.sites.load, domain, now)


async def answer_error_report(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /api/error`: very old scripts report their failures there; the report is not kept."""
    if scope["method"] in {"GET", "HEAD"}:
        await _answer(send, 200, _TEXT, b"")
    else:
        await _refuse_method(send, scope["method"], "GET")


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers that intake reads: the first instance of each counts, an empty one is absent."""
    found: dict[bytes, bytes] = {}
    for name, value in raw:
        if name in _READ and name not in found:
            found[name] = value
    return {name: value for name, value in found.items() if value}


async def _body(receive: Receive) -> bytes:
    """Return the whole body; a longer one than allowed is read no further than needed to refuse it."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    chunks, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":  # half of a form looks like a whole one
            raise InvalidPayload({"request": ["Unable to parse request body as json"]})
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise InvalidPayload({"request": ["Unable to parse request body as json"]})
        chunks.append(chunk)
    return b"".join(chunks)


def _drop_headers(outcome: Outcome) -> Headers:
    if not outcome.dropped:
        return []
    return [
        (b"x-plausible-dropped", str(len(outcome.dropped)).encode()),
        (b"x-dropped-reasons", ",".join(outcome.dropped).encode()),
    ]


def _ids(outcome: Outcome) -> bytes:
    if outcome.visitor_id is None or outcome.session_id is None:
        return orjson.dumps({"visitor_id": None, "visit_id": None})
    return orjson.dumps({"visitor_id": visitor_text(outcome.visitor_id), "visit_id": f"{outcome.session_id:016x}"})


async def _answer_other_method(method: str, headers: Mapping[bytes, bytes], send: Send) -> None:
    if method == "OPTIONS" and b"access-control-request-method" in headers:
        await _answer(send, 204, _PREFLIGHT, b"")
    else:
        await _refuse_method(send, method, "POST, OPTIONS")


async def _refuse_method(send: Send, method: str, allowed: str) -> None:
    body = orjson.dumps({"error": f"method {method} is not allowed here, send {allowed.partition(',')[0]}"})
    await _answer(send, 405, [*_JSON, (b"allow", allowed.encode())], body)


async def _answer_error(send: Send, error: AppError) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    await _answer(send, error.status, [*_JSON, *headers], orjson.dumps(error_body(error)))


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
