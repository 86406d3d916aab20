"""Historical events, as clients are told of them."""

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
from stats.ingest.payload import (
    MAX_NAME_CHARACTERS,
    MAX_PROPS,
)

NDJSON: Final = "application/x-ndjson"
_WORD: Final[Schema] = {"type": ["string", "null"]}
_NUMBER: Final[Schema] = {"type": ["number", "null"], "minimum": 0}
_LINE: Final[Schema] = {
    "type": "object",
    "description": "One historical event.",
    "properties": {
        "timestamp": {"type": "string", "description": "ISO 8601, from 1990 to a day from now; UTC without an offset."},
        "name": {**_WORD, "maxLength": MAX_NAME_CHARACTERS, "default": "pageview"},
        "visitor_id": {**_WORD, "description": "`v_` and 16 hex digits, or your own id of the visitor."},
        "session_id": {**_WORD, "description": "Your own id of the visit; else visits end after 30 idle minutes."},
        **dict.fromkeys(("hostname", "pathname", "referrer", "source", "channel"), _WORD),
        **dict.fromkeys(("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"), _WORD),
        **dict.fromkeys(("click_id_param", "screen_size", "browser", "browser_version", "os", "os_version"), _WORD),
        "country_code": {**_WORD, "description": "ISO 3166, two letters."},
        "subdivision1_code": {**_WORD, "description": "ISO 3166-2, such as GB-ENG."},
        "subdivision2_code": {**_WORD, "description": "ISO 3166-2, such as GB-WBK."},
        "city_geoname_id": {**_NUMBER, "description": "The number of the city at GeoNames."},
        "props": {"type": ["object", "null"], "additionalProperties": {"type": "string"}, "maxProperties": MAX_PROPS},
        "revenue_currency": {**_WORD, "description": "ISO 4217; together with the amount."},
        "revenue_amount": {"type": ["number", "string", "null"]},
        "scroll_depth": {**_NUMBER, "maximum": 100, "description": "Percent of the page; engagement only."},
        "engagement_time": {**_NUMBER, "description": "Milliseconds of attention; engagement only."},
        "interactive": {"type": ["boolean", "null"], "default": True},
    },
    "required": ["timestamp"],
    "additionalProperties": False,
}
_REFUSED_LINE: Final[Schema] = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "line": {"type": "integer", "minimum": 1}},
    "required": ["error", "line"],
    "additionalProperties": False,
}
_IMPORTED: Final[Schema] = {
    "type": "object",
    "properties": {
        "imported": {"type": "integer", "minimum": 0, "description": "Events that can be queried now."},
        "dropped": {"type": "integer", "minimum": 1, "description": "Engagement events that belong to no visit."},
        "repeated": {"const": True, "description": "The same body was imported before and counts once."},
    },
    "required": ["imported"],
    "additionalProperties": False,
}
SCHEMAS: Final[Mapping[str, Schema]] = {"ImportedEvent": _LINE, "RefusedLine": _REFUSED_LINE}
_LINES: Final = (
    '{"timestamp":"2025-01-31T12:00:00Z","visitor_id":"ann","pathname":"/"}\n'
    '{"timestamp":"2025-01-31T12:01:00Z","visitor_id":"ann","name":"Signup","props":{"plan":"free"}}\n'
)
_SITE: Final[Mapping[str, object]] = {"site_id": "shop.example"}
IMPORT: Final = operation(
    operation_id="importEvents",
    tag=TAG,
    summary="Import historical events",
    description=(
        "One JSON object a line, of any number of lines; a member of an object is optional but `timestamp`. Visits are "
        "made of the events as live intake makes them. All of a body is taken or none, and the answer comes once its "
        "events can be queried; the same body again counts once. Takes a key with the scope `sites:provision:*` and "
        "the role owner, admin or editor. The body may be gzipped and may come in chunks."
    ),
    parameters=(
        Parameter("site_id", "path", {"type": "string", "minLength": 1}, "The site's domain or public id."),
        Parameter(
            "Idempotency-Key",
            "header",
            {"type": "string", "maxLength": 200},
            "Names this batch, for clients whose bytes differ from one sending to the next.",
        ),
        Parameter(
            "Content-Encoding", "header", {"type": "string", "enum": ["gzip", "identity"]}, "How the body is packed."
        ),
    ),
    body={
        NDJSON: {
            "type": "string",
            "description": "Lines, each an object of the schema `ImportedEvent`.",
            "contentMediaType": NDJSON,
            "contentSchema": {"type": "array", "items": {"$ref": "#/components/schemas/ImportedEvent"}},
        }
    },
    answers={
        200: Answer("Everything can be queried.", {JSON: _IMPORTED}),
        400: error("The body broke off, is not gzip as announced, or a header is not taken."),
        403: error("The key only reads."),
        404: error("There is no such site, or the role does not suffice."),
        422: Answer(
            "A line cannot be taken; nothing was imported.", {JSON: {"$ref": "#/components/schemas/RefusedLine"}}
        ),
    },
    refusals=WITHOUT_JSON,
    examples=(
        Example(
            "twoEvents", "A pageview and a custom event", {"imported": 2}, parameters=_SITE, body=_LINES, sent_as=NDJSON
        ),
        Example(
            "badLine",
            "A line without a time",
            {"error": "line 1: timestamp must be a date and time in ISO 8601, such as 2026-01-31T12:00:00Z", "line": 1},
            422,
            parameters=_SITE,
            body='{"pathname":"/"}\n',
            sent_as=NDJSON,
        ),
        Example(
            "unknownSite",
            "A site that does not exist",
            {"error": "Site not found"},
            404,
            parameters={"site_id": "nowhere.example"},
            body=_LINES,
            sent_as=NDJSON,
        ),
        Example(
            "unknownEncoding",
            "A body packed in a way that is not taken",
            {"error": "Content-Encoding 'br' is not supported; send gzip or none"},
            400,
            parameters={**_SITE, "Content-Encoding": "br"},
            body=_LINES,
            sent_as=NDJSON,
        ),
    ),
)
