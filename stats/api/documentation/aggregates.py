"""Imported daily totals, as clients are told of them."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import (
    JSON,
    WITHOUT_JSON,
    Answer,
    Example,
    Parameter,
    Schema,
    error,
    operation,
)
from stats.api.documentation.events import TAG

CSV: Final = "text/csv"
ZIP: Final = "application/zip"
_DATE: Final[Schema] = {"type": "string", "format": "date"}
_NAMES: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_IMPORTED: Final[Schema] = {
    "type": "object",
    "properties": {
        "import_id": {"type": "integer", "minimum": 1, "description": "Its number in the admin."},
        "imported": {"type": "integer", "minimum": 1, "description": "Rows that queries can merge now."},
        "cut": {
            "type": "integer",
            "minimum": 0,
            "description": "Rows on days that the site has from its own events or an earlier import, or that lie "
            "outside the dates of their file's name.",
        },
        "first_date": _DATE,
        "last_date": _DATE,
        "files": {**_NAMES, "description": "The files that were read."},
        "skipped_files": {**_NAMES, "description": "Files of the zip that are of none of the ten kinds."},
        "repeated": {"const": True, "description": "The same rows were imported before and count once."},
    },
    "required": ["import_id", "imported", "cut", "first_date", "last_date", "files"],
    "additionalProperties": False,
}
_FILE: Final = "imported_visitors_20240101_20240102.csv"
_CSV: Final = "date,visitors,pageviews,bounces,visits,visit_duration\n2024-01-01,3,10,1,4,400\n2024-01-02,5,6,2,5,90\n"
_SITE: Final[Mapping[str, object]] = {"site_id": "shop.example", "filename": _FILE}
IMPORT_AGGREGATES: Final = operation(
    operation_id="importAggregates",
    tag=TAG,
    summary="Import daily totals of another product",
    description=(
        "A zip as Plausible exports it, or one of its CSV files: `imported_visitors`, `_sources`, `_pages`, "
        "`_entry_pages`, `_exit_pages`, `_locations`, `_devices`, `_browsers`, `_operating_systems` and "
        "`_custom_events`, each followed by the first and the last date of the file. All rows are taken or none, and "
        "the same rows again count once. A day counts until the site's own events begin, that day included, and for "
        "each file from one import only: the first. Queries merge the totals where they are asked to. Takes a key "
        "with the scope `sites:provision:*` and the role owner, admin or editor. The body may be gzipped and may come "
        "in chunks; at most 500 MB, and 2 GB unpacked."
    ),
    parameters=(
        Parameter("site_id", "path", {"type": "string", "minLength": 1}, "The site's domain or public id."),
        Parameter("filename", "query", {"type": "string"}, "Of a single CSV file: its name. Of no use for a zip."),
        Parameter(
            "Content-Encoding", "header", {"type": "string", "enum": ["gzip", "identity"]}, "How the body is packed."
        ),
    ),
    body={
        ZIP: {"type": "string", "format": "binary", "description": "CSV files, in folders or not."},
        CSV: {"type": "string", "description": "The first line names the columns; all but `date` may be missing."},
    },
    answers={
        200: Answer("Queries can merge the totals.", {JSON: _IMPORTED}),
        400: error("The body is no such file, is too large or broke off, or no row of it is left to import."),
        403: error("The key only reads."),
        404: error("There is no such site, or the role does not suffice."),
        409: error("Another import of totals into the site is under way, or it was deleted or reset meanwhile."),
        422: Answer(
            "A line cannot be taken; nothing was imported.", {JSON: {"$ref": "#/components/schemas/RefusedLine"}}
        ),
    },
    refusals=WITHOUT_JSON,
    examples=(
        Example(
            "twoDays",
            "Visitors of two days",
            {
                "import_id": 1,
                "imported": 2,
                "cut": 0,
                "first_date": "2024-01-01",
                "last_date": "2024-01-02",
                "files": [_FILE],
            },
            parameters=_SITE,
            body=_CSV,
            sent_as=CSV,
        ),
        Example(
            "badNumber",
            "A line with a word for a number",
            {
                "error": f"line 2: visitors must be a whole number of at most 11 digits, not 'many' ({_FILE})",
                "line": 2,
            },
            422,
            parameters=_SITE,
            body="date,visitors\n2024-01-01,many\n",
            sent_as=CSV,
        ),
        Example(
            "nameMissing",
            "A CSV file without its name",
            {"error": "the body is no zip; a single CSV file needs its name in the parameter filename"},
            400,
            parameters={"site_id": "shop.example"},
            body=_CSV,
            sent_as=CSV,
        ),
    ),
)
