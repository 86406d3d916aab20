"""Typed look-ups in an event's JSON: what is not what it should be is told by its path; numbers are exact."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from revenue.providers.types import KnownAs, UnreadableEventError
from revenue.types import WHOLE_UNITS_BELOW, NewPayment, decimals_of
from stats.ingest.payload import MAX_CALLER_ID_BYTES

USER_KEY: Final = "user_id"
VISITOR_KEYS: Final = ("visitor_id", "footfall_visitor_id", "datafast_visitor_id")  # contract 3.6, in this order
MAX_TEXT_CHARACTERS: Final = 255
_MAX_VISITOR_CHARACTERS: Final = 128
_MAX_MINOR: Final = 10**16
_UNREADABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_WHOLE: Final = re.compile(r"-?[0-9]{1,17}")
_MAJOR: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")
_LATEST_UNIX: Final = 4_260_211_200  # 2105, as everywhere in the contract


def parse_event(body: bytes) -> "Node":
    """Return an event's JSON object. Raises: UnreadableEventError."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise UnreadableEventError("the body is not valid JSON") from problem
    if not isinstance(value, dict):
        raise UnreadableEventError("the body is not a JSON object")
    return Node(value, "")


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


class Node:
    """An object of an event's JSON. What is absent or null reads as empty, what has another type is refused."""

    def __init__(self, members: Mapping[str, Any], path: str) -> None:
        self._members = members
        self._path = path

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self._members)

    def has(self, name: str) -> bool:
        """Tell whether a member is there and not null."""
        return self._members.get(name) is not None

    def node(self, *names: str) -> "Node":
        """Return the object under some names, one inside the other; an empty one where there is none."""
        found = self
        for name in names:
            value = found._members.get(name)
            if value is not None and not isinstance(value, dict):
                raise found.problem(name, "must be an object")
            found = Node(value or {}, found._named(name))
        return found

    def nodes(self, name: str) -> list["Node"]:
        """Return the objects of a list; none where there is no list."""
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.problem(name, "must be a list of objects")
        return [Node(one, f"{self._named(name)}[{number}]") for number, one in enumerate(value)]

    def listed(self, name: str) -> list["Node"]:
        """Return the objects of a list that stands in the member `data` of an object."""
        return self.node(name).nodes("data")

    def text(self, name: str) -> str:
        """Return a text without blanks around, '' where there is none; a whole number is its digits."""
        value = self._members.get(name)
        if value is None:
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value) if abs(value) < _MAX_MINOR**2 else None
        if not isinstance(value, str) or _UNREADABLE.search(value) or len(value.strip()) > MAX_TEXT_CHARACTERS:
            raise self.problem(name, f"must be a text of at most {MAX_TEXT_CHARACTERS} characters")
        return value.strip()

    def id_of(self, name: str) -> str:
        """Return the id of what a member refers to, whether it holds the id alone or the whole object."""
        return self.node(name).text("id") if isinstance(self._members.get(name), dict) else self.text(name)

    def required(self, name: str) -> str:
        """Return a text that must be there."""
        return self.text(name) or self._missing(name)

    def title(self, name: str) -> str:
        """Return a text for people, cut to what is kept; anything else reads as empty."""
        value = self._members.get(name)
        return _UNREADABLE.sub(" ", value).strip()[:MAX_TEXT_CHARACTERS].strip() if isinstance(value, str) else ""

    def flag(self, name: str) -> bool:
        """Tell whether a member is true."""
        return self._members.get(name) is True

    def whole(self, name: str) -> int:
        """Return a whole number, sent as one or as its digits."""
        value = self._members.get(name)
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _MAX_MINOR:
            raise self.problem(name, "must be a whole number")
        return value

    def currency(self, name: str) -> str:
        """Return a currency's code in upper case."""
        code = self.required(name).upper()
        if decimals_of(code) is None:
            raise self.problem(name, "must be an ISO 4217 code")
        return code

    def minor(self, name: str, currency: str, decimals: Callable[[str], int]) -> Decimal:
        """Return an amount that is sent in the minor units of its provider, in major units."""
        return self._fitting(name, Decimal(self.whole(name)).scaleb(-decimals(currency)), currency)

    def major(self, name: str, currency: str) -> Decimal:
        """Return an amount that is sent as a text in major units."""
        value = self._members.get(name)
        if not isinstance(value, str) or not _MAJOR.fullmatch(value):
            raise self.problem(name, "must be an amount")
        return self._fitting(name, Decimal(value), currency)

    def _fitting(self, name: str, amount: Decimal, currency: str) -> Decimal:
        decimals = decimals_of(currency) or 0
        fitting = amount.quantize(Decimal(1).scaleb(-decimals))
        if not 0 <= amount < WHOLE_UNITS_BELOW:
            raise self.problem(name, "must be from 0 to less than 10^12")
        if fitting != amount:
            raise self.problem(name, f"has more decimals than {currency} allows ({decimals})")
        return fitting

    def instant(self, name: str) -> datetime:
        """Return an instant in whole seconds, sent as unix seconds or as ISO 8601, in UTC where it names no zone."""
        value = self._members.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST_UNIX:
            return datetime.fromtimestamp(value, UTC)
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError as problem:
            raise self.problem(name, "must be a time") from problem
        if found is None or not 1970 <= found.year < 2105:
            raise self.problem(name, "must be a time" if self.has(name) else "is missing")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)

    def visitor(self) -> str:
        """Return the visitor that metadata names, '' where it names none that could be one."""
        for name in VISITOR_KEYS:
            if visitor := visitor_text_of(self._members.get(name)):
                return visitor
        return ""

    def user(self) -> str:
        """Return the user whom metadata names, '' where it names none that could be one."""
        return user_text_of(self._members.get(USER_KEY))

    def email(self, name: str) -> str:
        """Return an e-mail address in lower case, '' for anything else."""
        text = user_text_of(self._members.get(name))
        return text.lower() if "@" in text else ""

    def problem(self, name: str, rule: str) -> UnreadableEventError:
        """Return the error for a member."""
        return UnreadableEventError(f"{self._named(name)} {rule}")

    def _missing(self, name: str) -> str:
        raise self.problem(name, "is missing")

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def known_as(
    payment: NewPayment | None, customer_id: str, at: datetime, *, user_id: str, email: str
) -> tuple[KnownAs, ...]:
    """Return as whom a site may know the customer of an event that names no visitor; nothing where it tells nothing."""
    transaction_id = payment.transaction_id if payment is not None else ""
    is_told = bool(user_id or email) and bool(customer_id or transaction_id)
    return (KnownAs(customer_id, transaction_id, user_id, email, at),) if is_told else ()


def visitor_text_of(value: object) -> str:
    """Return a visitor's id as the contract allows one (1.6), '' for anything else: a sale is not lost over it."""
    text = value.strip() if isinstance(value, str) else ""
    fits = 0 < len(text) <= _MAX_VISITOR_CHARACTERS and not any(one.isspace() for one in text)
    return text if fits and not _UNREADABLE.search(text) else ""


def user_text_of(value: object) -> str:
    """Return a user's id as identification takes one, '' for anything else."""
    text = str(value) if type(value) is int and abs(value) < _MAX_MINOR else value
    text = text.strip() if isinstance(text, str) else ""
    fits = not _UNREADABLE.search(text) and len(text.encode()) <= MAX_CALLER_ID_BYTES
    return text if fits else ""


def digest_of(event_type: str, body: bytes) -> str:
    """Return an id for an event whose provider signs none: equal for equal bodies, which only a replay has."""
    return sha256(event_type.encode() + b"\n" + body).hexdigest()


def decimals_by(none: str, three: str = "") -> Callable[[str], int]:
    """Return the table of a provider: currencies without a minor unit, those with three decimals, two for the rest."""
    without, thousandths = frozenset(none.split()), frozenset(three.split())

    def decimals(currency: str) -> int:
        return 0 if currency in without else 3 if currency in thousandths else 2

    return decimals
