"""What is wrong with a line of a bulk upload, in words; asked only about lines that cannot be taken."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from stats.store.import_tables import FIELDS, LINE_NUMBER_FIELD, Rule

_AMOUNT_LIMIT = Decimal(10) ** 15
_SHOWN_CHARACTERS = 80
_LONGEST_WHOLE_NUMBER = 40


class _NotOneObjectError(ValueError):
    """A line that is not one JSON object with each member once."""


def explain_shape(line: bytes) -> str | None:
    """Return why a line is not an object of known fields with values of the right types; None when it is one."""
    try:
        event = _parsed(line, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return "is not valid UTF-8"
    except json.JSONDecodeError as problem:
        return f"is not one JSON object: {problem.msg} at character {problem.pos + 1}"
    except RecursionError:
        return "is nested too deeply"
    except _NotOneObjectError as problem:
        return str(problem)
    if not isinstance(event, dict):
        return "is not a JSON object"
    return _explain_members(event)


def explain_value(line: bytes, rule: Rule) -> str:
    """Return the sentence of a broken rule with the value that the line has.

    The value is left out where the database read what is not quite JSON, such as `.5`.
    """
    try:
        value = _parsed(line).get(rule.field)
    except ValueError:
        value = None
    if value is None:
        return f"{rule.field} {rule.sentence}"
    return f"{rule.field} {rule.sentence}; it is {_shown(json.dumps(value, ensure_ascii=False))}"


def _parsed(
    line: bytes,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
    parse_constant: Callable[[str], Any] | None = None,
) -> Any:
    """Decode a line as leniently as the database does: control characters in text, numbers of any length."""
    return json.loads(
        line.decode(),
        strict=False,
        parse_int=_whole_number,
        object_pairs_hook=object_pairs_hook,
        parse_constant=parse_constant,
    )


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_WHOLE_NUMBER else float(digits)


def _shown(text: str) -> str:
    """Return the beginning of a client's text, fit for an answer in UTF-8."""
    beginning = text[:_SHOWN_CHARACTERS].encode(errors="backslashreplace").decode()
    return beginning + "…" * (len(text) > _SHOWN_CHARACTERS)


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise _NotOneObjectError(f"{_shown(next(name for name in names if names.count(name) > 1))} is given twice")
    return members


def _refuse_constant(text: str) -> None:
    raise _NotOneObjectError(f"{text} is not a JSON number")


def _explain_members(event: Mapping[str, Any]) -> str | None:
    if event.get("timestamp") is None:
        return "timestamp is required"
    for name, value in event.items():
        if name not in FIELDS or name == LINE_NUMBER_FIELD:
            return f"{_shown(name)} is not a field of an event"
        if value is not None and (problem := _CHECKS.get(name, _explain_text)(value)):
            return f"{name} {problem}"
    return None


def _explain_text(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    return None if _is_unicode(value) else "has half of a surrogate pair"


def _explain_props(value: object) -> str | None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        return "must be an object of text to text"
    return None if all(map(_is_unicode, (*value, *value.values()))) else "has half of a surrogate pair"


def _explain_flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _explain_number(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "must be a number"
    try:
        float(value)
    except (ValueError, OverflowError):
        return "must be a number"
    return None


def _explain_amount(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "must be a number"
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return "must be a decimal number"
    is_in_range = amount.is_finite() and abs(amount) < _AMOUNT_LIMIT
    return None if is_in_range else "must have fewer than 16 digits before the decimal point"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_CHECKS: Mapping[str, Callable[[object], str | None]] = {
    "city_geoname_id": _explain_number,
    "scroll_depth": _explain_number,
    "engagement_time": _explain_number,
    "revenue_amount": _explain_amount,
    "props": _explain_props,
    "interactive": _explain_flag,
}
