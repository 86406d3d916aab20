"""A site's events as text, in the fields that the import takes, so that what was exported can be imported."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any, Final

import orjson

from accounts.types import SiteRef
from stats.ingest.visitor import visitor_text
from stats.services import event_store, wait_for_accepted
from stats.store.schema import VISIT_ATTRIBUTE_COLUMNS
from stats.store.site_events import event_slices

_UNKNOWN_DEPTH: Final = 255
_CITY: Final = "city_geoname_id"  # 0 is no city
_SAME: Final = ("name", "hostname", "pathname", *(column for column in VISIT_ATTRIBUTE_COLUMNS if column != "device"))
FIELDS: Final = (
    "timestamp",
    "visitor_id",
    "session_id",
    *_SAME,
    "screen_size",
    "props",
    "revenue_currency",
    "revenue_amount",
    "scroll_depth",
    "engagement_time",
)


class ExportFormat(StrEnum):
    """How an export is written: a JSON object a line, or a table with the names of the fields in its first row."""

    NDJSON = "ndjson"
    CSV = "csv"

    @property
    def content_type(self) -> str:
        """Return the media type."""
        return "application/x-ndjson" if self is ExportFormat.NDJSON else "text/csv; charset=utf-8"


def export_events(site: SiteRef, form: ExportFormat) -> Iterator[bytes]:
    """Yield the text of all events of a site that count, in pieces; nothing is held beyond one slice.

    Fields are those of the import; what an event lacks is left out of an object and empty in a table, where `props` is
    JSON. Raises: StoreUnavailable, with the first piece.
    """
    store = event_store()
    wait_for_accepted(site.id)
    slices = event_slices(store, site.id, site.stats_reset_at or 0)
    first = next(slices, [])
    if form is ExportFormat.CSV:
        yield _table([FIELDS])
    for rows in chain([first], slices):
        events = (_event(row) for row in rows)
        if form is ExportFormat.NDJSON:
            yield b"".join(orjson.dumps(event) + b"\n" for event in events)
        else:
            yield _table([[_cell(event.get(field, "")) for field in FIELDS] for event in events])


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's fields in the order of FIELDS, without the empty ones."""
    is_engagement = row["name"] == "engagement"
    fields = {
        "timestamp": datetime.fromtimestamp(row["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "visitor_id": visitor_text(int(row["visitor"])),
        "session_id": row["session"],
        **{name: row[name] for name in _SAME},
        "screen_size": row["device"],
        "props": dict(zip(row["prop_keys"], row["prop_values"], strict=True)),
        "revenue_currency": row["revenue_currency"],
        "revenue_amount": row["revenue_amount"],
        "scroll_depth": row["scroll_depth"] if is_engagement and row["scroll_depth"] != _UNKNOWN_DEPTH else None,
        "engagement_time": row["engagement_time"] if is_engagement else None,
    }
    return {name: value for name, value in fields.items() if value not in (None, "", {}) and (value or name != _CITY)}


def _cell(value: Any) -> str:
    """Return a cell's text. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _table(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
