"""Rates as the European Central Bank publishes them: its XML files, its CSV files, plain or zipped, made values.

The XML is known line for line and read by pattern, so no parser of ours meets a stranger's entities.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Final
from zipfile import BadZipFile, ZipFile

from analytics_project.errors import InvalidRequest

MAX_BYTES: Final = 50_000_000
_ZIP: Final = b"PK\x03\x04"
_CUBE: Final = re.compile(r"<Cube\s+([^<>]{1,200}?)\s*/?>")
_ATTRIBUTE: Final = re.compile(r"(\w+)\s*=\s*['\"]([^'\"]*)['\"]")
_CODE: Final = re.compile(r"[A-Z]{3}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class PublishedRate:
    """How much of a currency one euro bought on a day."""

    on: date
    currency: str
    per_euro: Decimal


def parse_published(body: bytes) -> list[PublishedRate]:
    """Return the rates of a published file. Raises: InvalidRequest for anything else."""
    if len(body) > MAX_BYTES:
        raise InvalidRequest(f"the file of rates is larger than {MAX_BYTES} bytes")
    try:
        text = (_unzipped(body) if body.startswith(_ZIP) else body).decode("utf-8-sig")
        found = list(_of_xml(text) if text.lstrip().startswith("<") else _of_csv(text))
    except (BadZipFile, UnicodeDecodeError, ValueError, csv.Error) as problem:
        raise InvalidRequest(f"the file of rates cannot be read: {problem}") from problem
    if not found:
        raise InvalidRequest("the file holds no rates: the European Central Bank's XML or CSV is expected")
    return found


def _unzipped(body: bytes) -> bytes:
    with ZipFile(BytesIO(body)) as archive:
        entry = archive.infolist()[0]
        if entry.file_size > MAX_BYTES:
            raise ValueError("its content is too large")
        return archive.read(entry)


def _of_xml(text: str) -> Iterator[PublishedRate]:
    on: date | None = None
    for cube in _CUBE.finditer(text):
        attributes = dict(_ATTRIBUTE.findall(cube[1]))
        if "time" in attributes:
            on = date.fromisoformat(attributes["time"])
        elif on is not None and {"currency", "rate"} <= attributes.keys():
            yield from _rate(on, attributes["currency"], attributes["rate"])


def _of_csv(text: str) -> Iterator[PublishedRate]:
    rows = csv.reader(StringIO(text))
    head = [name.strip() for name in next(rows, [])]
    if not head or head[0] != "Date":
        raise ValueError("its first column is not Date")
    for row in rows:
        if row and row[0].strip():
            on = date.fromisoformat(row[0].strip())
            for currency, rate in zip(head[1:], row[1:], strict=False):
                yield from _rate(on, currency, rate.strip())


def _rate(on: date, currency: str, text: str) -> Iterator[PublishedRate]:
    """Yield a rate; nothing for a day without one (`N/A`)."""
    if _CODE.fullmatch(currency) and _NUMBER.fullmatch(text) and Decimal(text):
        yield PublishedRate(on, currency, Decimal(text))
