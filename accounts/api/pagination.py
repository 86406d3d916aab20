"""Pages of lists that are read with cursors, newest first (Sites API contract, section 2).

A cursor is an opaque text made of the sort key of the first or last item of a page, so it survives inserts. `meta`
always holds `after`, `before` and `limit`; a cursor is null when there is nothing further that way.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.db.models import Model, QuerySet

from accounts.api.parameters import Parameters, optional_integer
from analytics_project.errors import InvalidFields

DEFAULT_LIMIT: Final = 100
_LARGEST_ID = 2**63 - 1

Item = TypeVar("Item")
Record = TypeVar("Record", bound=Model)
Key = tuple[int, ...]


class InvalidCursor(InvalidFields):
    """A cursor that this list did not give out."""

    code = "invalid_cursor"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Items of one page, and what the answer says of it."""

    items: Sequence[Item]
    meta: dict[str, object]


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: int
    after: Key | None
    before: Key | None


def page_by_id(records: "QuerySet[Record, Any]", parameters: Parameters, kind: str) -> Page[Record]:
    """Return a page of records by falling id; `kind` keeps cursors of different lists apart. Raises: InvalidFields."""
    asked = _asked(parameters, kind, key_length=1)
    if asked.before is not None:
        found = list(records.filter(pk__gt=asked.before[0]).order_by("pk")[: asked.limit + 1])
        items = found[: asked.limit][::-1]
        more_before = len(found) > asked.limit
        more_after = bool(items) and records.filter(pk__lt=items[-1].pk).exists()
    else:
        newest = records if asked.after is None else records.filter(pk__lt=asked.after[0])
        found = list(newest.order_by("-pk")[: asked.limit + 1])
        items = found[: asked.limit]
        more_after = len(found) > asked.limit
        more_before = asked.after is not None and bool(items) and records.filter(pk__gt=items[0].pk).exists()
    return _page(items, lambda record: (record.pk,), kind, asked.limit, more_before=more_before, more_after=more_after)


def page_of(items: Sequence[Item], key: Callable[[Item], Key], parameters: Parameters, kind: str) -> Page[Item]:
    """Return a page of a short list by falling key, three whole numbers. Raises: InvalidFields."""
    asked = _asked(parameters, kind, key_length=3)
    ordered = sorted(items, key=key, reverse=True)
    if asked.before is not None:
        end = sum(key(item) > asked.before for item in ordered)
        start = max(0, end - asked.limit)
    else:
        start = 0 if asked.after is None else sum(key(item) >= asked.after for item in ordered)
        end = start + asked.limit
    chosen = ordered[start:end]
    more = {"more_before": bool(chosen) and start > 0, "more_after": bool(chosen) and end < len(ordered)}
    return _page(chosen, key, kind, asked.limit, **more)


def _page(
    items: Sequence[Item], key: Callable[[Item], Key], kind: str, limit: int, *, more_before: bool, more_after: bool
) -> Page[Item]:
    after = encode_cursor(kind, key(items[-1])) if more_after else None
    before = encode_cursor(kind, key(items[0])) if more_before else None
    return Page(items, {"after": after, "before": before, "limit": limit})


def _asked(parameters: Parameters, kind: str, *, key_length: int) -> _Asked:
    limit = optional_integer(parameters, "limit", DEFAULT_LIMIT)
    return _Asked(
        limit=limit if 1 <= limit <= DEFAULT_LIMIT else DEFAULT_LIMIT,
        after=_key(parameters, "after", kind, key_length),
        before=_key(parameters, "before", kind, key_length),
    )


def encode_cursor(kind: str, key: Key) -> str:
    """Return the opaque text of a place in the list of this kind; `key` holds whole numbers from 0 on."""
    text = ":".join([kind, *map(str, key)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key(parameters: Parameters, name: str, kind: str, length: int) -> Key | None:
    sent = parameters.get(name)
    return None if sent is None or sent == "" else decode_cursor(name, str(sent), kind, length)


def decode_cursor(name: str, sent: str, kind: str, length: int) -> Key:
    """Return the key of a cursor that a client sent in parameter `name`. Raises: InvalidCursor."""
    try:
        padded = sent + "=" * (-len(sent) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (UnicodeError, binascii.Error) as problem:
        raise _no_cursor(name) from problem
    found, *numbers = text.split(":")
    if found != kind or len(numbers) != length or not all(part.isdecimal() and len(part) < 20 for part in numbers):
        raise _no_cursor(name)
    key = tuple(int(part) for part in numbers)
    if max(key) > _LARGEST_ID:
        raise _no_cursor(name)
    return key


def _no_cursor(name: str) -> InvalidCursor:
    return InvalidCursor({name: ["is not a cursor of this list"]})
