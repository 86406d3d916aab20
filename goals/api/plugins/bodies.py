"""Readers of what plugins send: bodies of a given shape, numbers in paths. All faults of a body are told together."""

import re
from collections.abc import Mapping
from typing import Final

from rest_framework.request import Request

from analytics_project.errors import InvalidRequest
from goals.api.plugins.failures import INVALID, Fault, InvalidShape
from goals.services import BLANK

Body = Mapping[str, object]
Path = tuple[str | int, ...]
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")
_LARGEST_ID_DIGITS: Final = 19
_NOBODYS_ID: Final = 0


def body_of(request: Request) -> Body:
    """Return the body, empty where none was sent. Raises: InvalidRequest (400) for another value than an object."""
    body: object = request.data
    if not isinstance(body, Mapping):
        raise InvalidRequest("the body must be a JSON object")
    return body


def text_in(owner: Body, name: str, path: Path, faults: list[Fault]) -> str:
    """Return a text that must be there; an empty one, with a fault noted, where it is missing or something else."""
    value = owner.get(name)
    if isinstance(value, str):
        return value
    faults.append(Fault((*path, name), BLANK if value is None else INVALID))
    return ""


def object_in(owner: Body, name: str, path: Path, faults: list[Fault]) -> Body | None:
    """Return an object that must be there; None, with a fault noted, where it is missing or something else."""
    value = owner.get(name)
    if isinstance(value, Mapping):
        return value
    faults.append(Fault((*path, name), BLANK if value is None else INVALID))
    return None


def list_in(owner: Body, name: str, path: Path, faults: list[Fault], *, least: int, most: int | None) -> list[object]:
    """Return a list of so many items that must be there; an empty one, with a fault noted, otherwise."""
    value = owner.get(name)
    if not isinstance(value, list):
        faults.append(Fault((*path, name), BLANK if value is None else INVALID))
    elif len(value) < least or (most is not None and len(value) > most):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        faults.append(Fault((*path, name), f"should have {wanted} items"))
    else:
        return value
    return []


def check(faults: list[Fault]) -> None:
    """Raise InvalidShape when there are faults."""
    if faults:
        raise InvalidShape(faults)


def id_in_path(text: str) -> int:
    """Return the number in a path, 0 for one that no record can have. Raises: InvalidShape for no whole number."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InvalidShape([Fault(("id",), "must be a whole number")])
    number = int(text) if len(text) <= _LARGEST_ID_DIGITS else _NOBODYS_ID
    return number if 0 < number < 2**63 else _NOBODYS_ID


def limit_in(text: str | None, default: int, most: int) -> int:
    """Return how many items a page is to have; a whole number out of range means the default. Raises: InvalidShape."""
    if text is None:
        return default
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InvalidShape([Fault(("limit",), "must be a whole number")])
    return int(text) if len(text) < _LARGEST_ID_DIGITS and 1 <= int(text) <= most else default
