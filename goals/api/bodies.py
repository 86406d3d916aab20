"""Bodies of the Goals & Revenue API: JSON objects of at most 64 KiB, numbers exact, all faults told together.

Source: revenue contract, 1.1, 1.2, 1.6, 1.8, 1.11.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import UnreadablePostError
from rest_framework.request import Request

from accounts.validators import is_storable
from analytics_project.errors import InvalidFields, InvalidRequest, PayloadTooLarge, UnsupportedType
from goals.api.windows import NOT_A_MOMENT, moment_in

MAX_BODY_BYTES: Final = 65_536
MAX_DEPTH: Final = 32
MAX_VISITOR_ID_CHARACTERS: Final = 128
MAX_AHEAD: Final = timedelta(hours=24)
MAX_METADATA_KEYS: Final = 30
MAX_METADATA_KEY_CHARACTERS: Final = 300
MAX_METADATA_VALUE_CHARACTERS: Final = 2_000
MAX_METADATA_BYTES: Final = 8_192

_JSON_TYPE: Final = re.compile(r"application/(?:[a-z0-9.!#$&^_-]+\+)?json", re.IGNORECASE)
_UTC: Final = ZoneInfo("UTC")
_NOT_JSON: Final = "Request body is not valid JSON"


class SentDecimal(Decimal):
    """A number with a fraction or an exponent, exact; `text` is how it was sent."""

    text: str

    def __new__(cls, text: str) -> "SentDecimal":
        """Return the number of a JSON literal. Raises: InvalidOperation for an exponent beyond all bounds."""
        made = super().__new__(cls, text)
        made.text = text
        return made


Body = Mapping[str, object]


def json_object(request: Request, most_bytes: int = MAX_BODY_BYTES) -> dict[str, object]:
    """Return the body, an object: whole numbers as int, others as SentDecimal, texts such as every store takes.

    Raises: PayloadTooLarge above 64 KiB, or what else the endpoint takes; UnsupportedType for another type than JSON,
    which a body without a type is taken for; InvalidRequest for what is no JSON object.
    """
    raw = _read(request, most_bytes)
    kind = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip()
    if kind and not _JSON_TYPE.fullmatch(kind):
        raise UnsupportedType("The body must be JSON: send Content-Type: application/json")
    try:
        value = json.loads(raw.decode(), parse_float=SentDecimal, parse_constant=_refuse_constant)
    except (ValueError, InvalidOperation, RecursionError) as problem:
        raise InvalidRequest(_NOT_JSON) from problem
    if not isinstance(value, dict):
        raise InvalidRequest("Request body must be a JSON object")
    _check_depth(value)
    return value


def _read(request: Request, most_bytes: int) -> bytes:
    """Return the bytes of the body; one sent in chunks has no length, and is read from the server's own stream."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and (len(length) > 12 or int(length) > most_bytes):
        raise PayloadTooLarge(f"The body is larger than {most_bytes} bytes")
    is_chunked = not length and "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream = request.META["wsgi.input"] if is_chunked else request._request
    try:
        raw: bytes = stream.read(most_bytes + 1)
    except (UnreadablePostError, OSError) as problem:
        raise InvalidRequest("The body ended early") from problem
    if len(raw) > most_bytes:
        raise PayloadTooLarge(f"The body is larger than {most_bytes} bytes")
    return raw


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity, which Python reads and JSON does not know


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise InvalidRequest(f"Request body is nested deeper than {MAX_DEPTH} levels")


class Fields:
    """Reads the fields of a body and gathers what is wrong; `check` raises it all at once."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._errors: dict[str, list[str]] = {}

    def refuse(self, name: str, text: str) -> None:
        """Note what is wrong with a field."""
        self._errors.setdefault(name, []).append(text)

    def check(self) -> None:
        """Raise InvalidFields where anything was refused."""
        if self._errors:
            raise InvalidFields(self._errors)

    def sent(self, name: str) -> object:
        """Return a field's value, None where it is absent or null."""
        return self._body.get(name)

    def text(self, name: str, most: int, *, required: bool = False) -> str:
        """Return a trimmed text of 1 to `most` characters, empty where an optional one is absent or null.

        Control characters are refused. An optional text that is empty counts as absent.
        """
        value = self.sent(name)
        if value is None:
            if required:
                self.refuse(name, "is required")
            return ""
        text = value.strip() if isinstance(value, str) else ""
        if not isinstance(value, str) or (required and not text) or len(text) > most:
            self.refuse(name, f"must be a string of 1 to {most} characters")
        elif not is_plain(text):
            self.refuse(name, "must not contain control characters")
        return text

    def visitor_id(self, name: str = "visitor_id") -> str:
        """Return the visitor's id, any text of 1 to 128 characters without blanks inside (1.6)."""
        text = self.text(name, MAX_VISITOR_ID_CHARACTERS, required=True)
        if any(character.isspace() for character in text):
            self.refuse(name, "must not contain whitespace")
        return text

    def moment(self, name: str, now: datetime) -> datetime | None:
        """Return an instant of the past or of the next 24 hours, in whole seconds, None where it is absent."""
        value = self.sent(name)
        if value is None:
            return None
        moment = moment_in(value, _UTC) if isinstance(value, str) else None
        if moment is None:
            self.refuse(name, NOT_A_MOMENT)
        elif moment.year < 1970:  # an offset may lead out of the first year
            self.refuse(name, "must not lie before 1970")
        elif moment > now + MAX_AHEAD:
            self.refuse(name, "lies in the future")
        return moment

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        """Return an object's members as texts: null left out, numbers as sent, lists and objects as JSON (1.8)."""
        value = self.sent(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(name, "must be an object")
            return {}
        if len(compact_json(value).encode(errors="replace")) > MAX_METADATA_BYTES:
            self.refuse(name, f"must be at most {MAX_METADATA_BYTES} bytes of JSON")
        if len(value) > MAX_METADATA_KEYS:
            self.refuse(name, f"may have at most {MAX_METADATA_KEYS} keys")
        texts = {key: _text_of(member) for key, member in value.items() if member is not None}
        for key, text in texts.items():
            self._check_member(name, key, text)
        return texts

    def _check_member(self, name: str, key: str, text: str) -> None:
        if not 1 <= len(key) <= MAX_METADATA_KEY_CHARACTERS:
            self.refuse(name, f"keys must have 1 to {MAX_METADATA_KEY_CHARACTERS} characters")
        if len(text) > MAX_METADATA_VALUE_CHARACTERS:
            self.refuse(name, f"values may have at most {MAX_METADATA_VALUE_CHARACTERS} characters")
        if not is_storable(key + text):
            self.refuse(name, "must be valid Unicode without null characters")


def is_plain(text: str) -> bool:
    """Tell whether a text is free of control characters and of halves of surrogate pairs."""
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else compact_json(value)


def compact_json(value: Any) -> str:
    """Return a decoded JSON value as JSON without blanks, its numbers as they were sent."""
    if isinstance(value, SentDecimal):
        return value.text
    if isinstance(value, dict):
        members = (f"{json.dumps(key, ensure_ascii=False)}:{compact_json(member)}" for key, member in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(compact_json, value))}]"
    return json.dumps(value, ensure_ascii=False)
