"""Parameters of the Sites API: path, body and query string merged into one mapping, and typed readers of it.

A body is JSON, urlencoded or multipart, on any method that writes. Texts of forms and query strings are `SentText`, so
that a reader may take `true` for a switch there and nowhere else. `tracker_script_configuration[outbound_links]=true`
in a form is the member of an object. Source: Sites API contract, section 1.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from django.http import QueryDict
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from analytics_project.errors import InvalidFields, InvalidRequest

_MEMBER = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LARGEST_ID = 2**63 - 1
_SWITCHES = {"true": True, "false": False}

Parameters = Mapping[str, object]


class SentText(str):
    """A text from a form or a query string, which has no other types."""

    __slots__ = ()


def parameters_of(request: Request, path: Mapping[str, object]) -> Parameters:
    """Return what a request says: path before body before query string. Raises: InvalidRequest for no object."""
    merged = _from_form(request.query_params)
    if request.method not in SAFE_METHODS:
        body = request.data
        if isinstance(body, QueryDict):
            merged |= _from_form(body)
        elif isinstance(body, Mapping):
            merged |= body
        else:
            raise InvalidRequest("the body must be a JSON object")
    return {**merged, **path}


def _from_form(form: QueryDict) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, texts in form.lists():
        value: object = SentText(texts[-1]) if isinstance(texts[-1], str) else texts[-1]
        member = _MEMBER.fullmatch(name)
        if member is None:
            values[name] = value
            continue
        members = values.setdefault(member[1], {})
        if isinstance(members, dict):
            members[member[2]] = value
    return values


def required_text(parameters: Parameters, name: str) -> str:
    """Return a text that must be there and not blank. Raises: InvalidRequest naming the parameter."""
    value = parameters.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(f"{name} is missing: it is required and must be a text", code=f"missing_{name}")
    return value


def optional_text(parameters: Parameters, name: str) -> str:
    """Return a text, empty when it is absent or null. Raises: InvalidFields for another type."""
    value = parameters.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidFields({name: ["is invalid"]})
    return value


def optional_integer(parameters: Parameters, name: str, default: int) -> int:
    """Return a whole number, in a form or query string also as text. Raises: InvalidFields for anything else."""
    value = parameters.get(name)
    if value is None or (isinstance(value, SentText) and not value.strip()):
        return default
    if isinstance(value, SentText) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidFields({name: ["must be a whole number"]})
    return value


def optional_instant(parameters: Parameters, name: str) -> datetime | None:
    """Return an instant given in ISO 8601, UTC without an offset; None where it is absent. Raises: InvalidFields."""
    text = optional_text(parameters, name).strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise InvalidFields({name: ["must be an ISO 8601 date or date-time"]}) from problem


def record_number(name: str, text: str) -> int:
    """Return the number of a record that a path names, 0 for one that no record has. Raises: InvalidFields."""
    if not text.removeprefix("-").isdecimal():
        raise InvalidFields({name: ["must be a whole number"]})
    return int(text) if len(text) < 20 and int(text) in range(_LARGEST_ID + 1) else 0


def with_switches(value: object) -> object:
    """Return an object with `true` and `false` of a form made switches; anything else as it is."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _SWITCHES.get(member, member) if isinstance(member, SentText) else member for key, member in value.items()
    }
