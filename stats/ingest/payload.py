"""Bytes of an event request → EventRequest, or InvalidPayload with every failing field (event contract 1.3 and 1.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import orjson

from analytics_project.errors import InvalidPayload
from revenue.types import is_currency
from stats.ingest.pages import parse_page
from stats.types import Page

MAX_BODY_BYTES = 1_000_000
MAX_DOMAINS = 100
MAX_URL_BYTES = 2_000
MAX_REFERRER_CHARACTERS = 2_000
MAX_NAME_CHARACTERS = 120
MAX_PROPS = 30
MAX_PROP_KEY_BYTES = 300
MAX_PROP_VALUE_BYTES = 2_000
MAX_CALLER_ID_BYTES = 200
MAX_ENGAGEMENT_MS = 30 * 24 * 3600 * 1000
UNKNOWN_SCROLL_DEPTH = 255
PATH_PROP_EVENTS = frozenset({"404", "Form: Submission", "WP Form Completions"})

_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,18}\Z")
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_PART_NAME = re.compile(r';\s*name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_MAX_REVENUE = Decimal(10) ** 15
_THREE_PLACES = Decimal("0.001")
_UNPARSABLE = "Unable to parse request body as json"
_PROPS_TOO_LONG = "keys should have at most 300 bytes and values 2000 bytes"
_EMPTY_ENGAGEMENT = "engagement event requires a valid integer value for at least one of 'sd' or 'e' fields"


@dataclass(frozen=True, slots=True)
class Revenue:
    """Money as the client sent it: three decimals, ISO 4217 code."""

    amount: Decimal
    currency: str


@dataclass(slots=True)
class EventRequest:
    """One valid event request, not yet bound to a site.

    `domains` are as sent, trimmed, without `www.`, lower case, each once; `prop_keys` and `prop_values` are parallel
    and sorted by key; `scroll_depth` is 0..100 or 255 for unknown; `engagement_time` is in milliseconds;
    `visitor_text` is the client's `vid` or `visitor_id` and `caller_text` its own `uid` or `user_id`, both unchecked.
    """

    name: str
    page: Page
    domains: tuple[str, ...]
    referrer: str
    prop_keys: list[str]
    prop_values: list[str]
    revenue: Revenue | None
    interactive: bool
    scroll_depth: int
    engagement_time: int
    visitor_text: str
    caller_text: str
    tracker_version: int


def parse_payload(body: bytes, content_type: str) -> EventRequest:
    """Decode and validate one request body. Raises: InvalidPayload naming all failing fields."""
    if len(body) > MAX_BODY_BYTES:
        raise _unparsable()
    fields = _decode(body, content_type)
    errors: dict[str, list[str]] = {}
    hash_mode = _hash_mode(fields, errors)
    page = _page(fields, hash_mode, errors)
    domains = _domains(fields, page, errors)
    name = _name(fields, errors)
    scroll_depth, engagement_time = 0, 0
    if name == "engagement":
        scroll_depth, engagement_time = _engagement(fields, errors)
    prop_keys, prop_values = _props(fields, name, page, errors)
    if errors or page is None:
        raise InvalidPayload(errors)
    referrer = _first(fields, "r", "referrer")
    version = fields.get("v")
    return EventRequest(
        name=name,
        page=page,
        domains=domains,
        referrer=referrer[:MAX_REFERRER_CHARACTERS] if type(referrer) is str else "",
        prop_keys=prop_keys,
        prop_values=prop_values,
        revenue=_revenue(fields),
        interactive=_interactive(fields),
        scroll_depth=scroll_depth,
        engagement_time=engagement_time,
        visitor_text=_visitor(fields, "vid", "visitor_id"),
        caller_text=_visitor(fields, "uid", "user_id"),
        tracker_version=version if type(version) is int and 0 <= version < 65_536 else 0,
    )


def _unparsable() -> InvalidPayload:
    return InvalidPayload({"request": [_UNPARSABLE]})


def _decode(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the body's keys and values whatever its form: JSON unless the type says that it is a form."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            fields: Any = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1_000))
        elif kind == "multipart/form-data":
            fields = _multipart(body, content_type)
        else:
            fields = orjson.loads(body)
    except ValueError as problem:  # covers JSON, UTF-8 and form errors
        raise _unparsable() from problem
    if not isinstance(fields, dict):
        raise _unparsable()
    return _without_nul(fields) if b"\x00" in body or b"u0000" in body or b"%00" in body else fields


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    """Return the named parts of a form. Raises: ValueError for a body without parts and for text that is no UTF-8."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise ValueError("no boundary")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1"))
    if not parts:
        raise ValueError("no parts")
    fields: dict[str, str] = {}
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head.decode())
        if name is not None:
            fields[name[1] or name[2] or ""] = content.decode()
    return fields


def _without_nul(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Take NUL out of an object's keys and texts; what is nested in it is left as it is."""
    return {
        key.replace("\x00", ""): value.replace("\x00", "") if type(value) is str else value
        for key, value in fields.items()
    }


def _first(fields: Mapping[str, Any], *keys: str) -> Any:
    """Return the first present value; null and false count as absent."""
    for key in keys:
        value = fields.get(key)
        if value is not None and value is not False:
            return value
    return None


def _hash_mode(fields: Mapping[str, Any], errors: dict[str, list[str]]) -> bool:
    value = _first(fields, "h", "hashMode")
    if value is None:
        return False
    if type(value) is int:
        return value == 1
    if type(value) is str and _INTEGER_TEXT.match(value):
        return int(value) == 1
    errors["hash_mode"] = ["is invalid"]
    return False


def _page(fields: Mapping[str, Any], hash_mode: bool, errors: dict[str, list[str]]) -> Page | None:
    url = _first(fields, "u", "url")
    if url is None:
        errors["url"] = ["is required"]
        return None
    if type(url) is not str or (len(url) > MAX_URL_BYTES // 4 and len(url.encode()) > MAX_URL_BYTES):
        errors["url"] = ["must be a valid url"]
        return None
    page = parse_page(url, hash_mode)
    if page.scheme == "data":
        errors["url"] = ["scheme is not allowed"]
        return None
    return page


def _domains(fields: Mapping[str, Any], page: Page | None, errors: dict[str, list[str]]) -> tuple[str, ...]:
    text = _first(fields, "d", "domain")
    if type(text) is not str:
        if page is not None and page.url_host:
            return (page.hostname,)
        errors["domain"] = ["can't be blank"]
        return ()
    text = text.strip().lower()
    if not text:
        errors["domain"] = ["can't be blank"]
        return ()
    if "," not in text:
        return (text.removeprefix("www."),)
    domains = tuple(dict.fromkeys(part.strip().removeprefix("www.") for part in text.split(",")))
    if len(domains) > MAX_DOMAINS:  # each may be a question to the relational store
        errors["domain"] = [f"should be at most {MAX_DOMAINS} domains"]
    return domains


def _name(fields: Mapping[str, Any], errors: dict[str, list[str]]) -> str:
    value = _first(fields, "n", "name")
    if type(value) is int:
        value = str(value)
    if value is None or (type(value) is str and not value.strip()):
        errors["event_name"] = ["can't be blank"]
    elif type(value) is not str:
        errors["event_name"] = ["is invalid"]
    elif len(value) > MAX_NAME_CHARACTERS:
        errors["event_name"] = [f"should be at most {MAX_NAME_CHARACTERS} character(s)"]
    else:
        return value
    return ""


def _whole_number(value: Any) -> int | None:
    if type(value) is int:
        return value
    if type(value) is str and _INTEGER_TEXT.match(value):
        return int(value)
    return None


def _engagement(fields: Mapping[str, Any], errors: dict[str, list[str]]) -> tuple[int, int]:
    """Return (scroll depth in percent or 255, engaged milliseconds)."""
    depth = _whole_number(fields.get("sd"))
    scroll_depth = UNKNOWN_SCROLL_DEPTH if depth is None or depth < 0 else min(depth, 100)
    engaged = _whole_number(fields.get("e"))
    engagement_time = engaged if engaged is not None and 0 <= engaged < MAX_ENGAGEMENT_MS else 0
    if scroll_depth == UNKNOWN_SCROLL_DEPTH and engagement_time == 0:
        errors.setdefault("event_name", []).append(_EMPTY_ENGAGEMENT)
    return scroll_depth, engagement_time


def _object(value: Any) -> dict[str, Any] | None:
    """Return an object given as such or as JSON text, without NUL, else None."""
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return _without_nul(value) if type(value) is dict else None


def _text_of(value: Any) -> str:
    """Return a custom property's value as text; empty for what cannot be one."""
    if type(value) is str:
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None or type(value) in (list, dict):
        return ""
    return str(value)


def _props(
    fields: Mapping[str, Any], name: str, page: Page | None, errors: dict[str, list[str]]
) -> tuple[list[str], list[str]]:
    """Return parallel lists of keys and values sorted by key: the first 30 that are usable, in the body's order."""
    given = _object(_first(fields, "m", "meta", "p", "props"))
    needs_path = name in PATH_PROP_EVENTS and page is not None
    if not given and not needs_path:
        return [], []
    kept: dict[str, str] = {}
    for key, value in (given or {}).items():
        text = _text_of(value)
        if text and key and not text.isspace() and not key.isspace():
            kept[key] = text
    if needs_path and page is not None and "path" not in kept:
        kept = {"path": page.pathname, **kept}
    pairs = list(kept.items())[:MAX_PROPS]
    for key, text in pairs:
        if len(key.encode()) > MAX_PROP_KEY_BYTES or len(text.encode()) > MAX_PROP_VALUE_BYTES:
            errors["props"] = [_PROPS_TOO_LONG]
            return [], []
    pairs.sort()
    return [key for key, _ in pairs], [text for _, text in pairs]


def _revenue(fields: Mapping[str, Any]) -> Revenue | None:
    """Return the revenue, or None when it is absent or anything about it is unusable."""
    given = _object(_first(fields, "revenue", "$"))
    if not given:
        return None
    currency, amount = given.get("currency"), given.get("amount")
    if type(currency) is not str or not is_currency(currency) or type(amount) not in (int, float, str):
        return None
    text = str(amount).strip()
    if not text.isascii() or "_" in text:  # Python's own ways to write a number
        return None
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return None
    rounded = storable_amount(exact)
    return None if rounded is None else Revenue(rounded, currency)


def storable_amount(amount: Decimal) -> Decimal | None:
    """Return the amount with three decimals, None for one that the event store's Decimal(18, 3) cannot hold."""
    if not amount.is_finite() or amount.copy_abs() >= _MAX_REVENUE:
        return None
    rounded = amount.quantize(_THREE_PLACES)
    return rounded if abs(rounded) < _MAX_REVENUE else None


def _visitor(fields: Mapping[str, Any], *keys: str) -> str:
    """Return the text of a visitor's id, empty for what cannot be one; a whole number is its digits."""
    text = _first(fields, *keys)
    if type(text) is int:
        text = str(text)
    return text if type(text) is str and len(text.encode()) <= MAX_CALLER_ID_BYTES else ""


def _interactive(fields: Mapping[str, Any]) -> bool:
    for key in ("i", "interactive"):
        value = fields.get(key)
        if type(value) is bool:
            return value
        if type(value) is str and value.lower() in ("true", "false"):  # forms carry text only
            return value.lower() == "true"
    return True
