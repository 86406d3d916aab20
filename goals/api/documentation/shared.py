"""What all operations of the Goals & Revenue API say in the same words: schemas, parameters, answers, examples."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    PAYMENT_REQUIRED,
    RETRY_AFTER,
    STORE_UNAVAILABLE,
    Answer,
    Parameter,
    Refusal,
    Schema,
    error,
)
from goals.api.requests import DEFAULT_LIMIT, INCLUDES, MAX_LIMIT, MAX_OFFSET

TAG: Final = "Goals and revenue"
TEXT: Final[Schema] = {"type": "string"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
RATE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1, "description": "A share, to three decimals."}
INSTANT: Final[Schema] = {"type": "string", "description": "UTC, whole seconds: `2026-03-26T23:59:59Z`."}
DEVICE_OR_NULL: Final[Schema] = {"enum": ["desktop", "mobile", "tablet", "other", None]}
VISITOR_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 128}

WINDOW_META: Final[Mapping[str, Schema]] = {"start": INSTANT, "end": INSTANT}
EXTRA_META: Final[Mapping[str, Schema]] = {
    "timezone": TEXT,
    "currency": TEXT,
    "unique_visitors": COUNT,
    "total": COUNT,
}
PAGE_META: Final[Mapping[str, Schema]] = {"total": COUNT, "limit": COUNT, "offset": COUNT}
CURSOR_META: Final[Mapping[str, Schema]] = {"limit": COUNT, "cursor": TEXT_OR_NULL}


def object_of(members: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object of these members, the optional ones too, and no others."""
    return {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": list(members),
        "additionalProperties": False,
    }


def list_of(row: Schema) -> Schema:
    return {"type": "array", "items": row}


def text_parameter(name: str, description: str) -> Parameter:
    return Parameter(name, "query", TEXT, description)


def choice(name: str, words: Iterable[str], description: str, default: str | None = None) -> Parameter:
    """Return a parameter that is one of these words; `default` is what it is when absent."""
    schema: Schema = {"type": "string", "enum": list(words)}
    return Parameter(name, "query", schema if default is None else {**schema, "default": default}, description)


SITE: Final = Parameter(
    "site_id", "query", {"type": "string", "minLength": 1}, "The site's public id or domain.", required=True
)
WINDOW: Final = (
    Parameter(
        "start",
        "query",
        TEXT,
        "A date or date-time, `2026-03-26`, `2026-03-26T14:00:05`, `…T14:00:05+02:00`; without a zone, of `timezone`. "
        "Included, to the second. By default the local midnight 30 days before the day of `end`.",
    ),
    Parameter("end", "query", TEXT, "The same; a date is included to its last second. By default now."),
    Parameter("timezone", "query", {"type": "string", "default": "UTC"}, "The name of an IANA time zone."),
)
_LIMIT: Final = Parameter(
    "limit",
    "query",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "How many rows at most.",
)
CURSOR_PAGE: Final = (_LIMIT, text_parameter("cursor", "`meta.cursor` of the page before."))
PAGE: Final = (
    _LIMIT,
    Parameter(
        "offset",
        "query",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
        "How many rows are left out before the first.",
    ),
)
INCLUDE: Final = Parameter(
    "include",
    "query",
    {"type": "array", "items": {"type": "string", "enum": list(INCLUDES)}},
    "`meta` adds time zone, currency, unique visitors and the number of all rows to `meta`; `previous` adds the rows "
    "of the window of equal length just before.",
)

NO_KEY: Final = Refusal(
    401,
    "NoKey",
    "The key is missing, unknown, revoked or expired.",
    {"keyMissing": ("Without a key", "Missing or invalid API key")},
    {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}},
)
BODY_NOT_JSON: Final = Refusal(
    415,
    "BodyNotJson",
    "The body is of another type than JSON.",
    {"bodyNotJson": ("A body of type text/csv", "The body must be JSON: send Content-Type: application/json")},
)
BODY_TOO_LARGE: Final = Refusal(413, "BodyTooLarge", "The body has more than 64 KiB.", {})
KEY_LIMITED: Final = Refusal(
    429,
    "KeyLimited",
    "The key's budget of the minute is spent; reads and writes have one each. Every answer to a known key tells it in "
    "`X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (seconds).",
    {
        "keyLimitExceeded": (
            "The second request of a minute that admits one",
            "Rate limit exceeded: 1 request per minute for this key. Retry in 60 seconds.",
        )
    },
    RETRY_AFTER,
)
REFUSALS: Final = (NO_KEY, BODY_NOT_JSON, BODY_TOO_LARGE, KEY_LIMITED)
WITHOUT_EVENTS: Final = (NO_KEY, PAYMENT_REQUIRED, METHOD_NOT_ALLOWED, KEY_LIMITED)
READ: Final = (*WITHOUT_EVENTS, STORE_UNAVAILABLE)
WRITE: Final = (NO_KEY, PAYMENT_REQUIRED, METHOD_NOT_ALLOWED, BODY_TOO_LARGE, BODY_NOT_JSON, KEY_LIMITED)
WRONG: Final = error("A parameter is missing or wrong; the sentence names it.")
NO_SITE: Final = error("There is no such site, or the key does not open it.")
EDITORS: Final = "The key needs the role owner, admin or editor."
FIELD_ERRORS: Final[Schema] = {
    "type": "object",
    "description": "What is wrong; `errors` holds sentences by field where fields of the body are at fault.",
    "properties": {
        "error": TEXT,
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
    },
    "required": ["error"],
    "additionalProperties": False,
}
ONLY_READS: Final = error("The key only reads; or the site takes no events.")

SITE_ID: Final[Mapping[str, Any]] = {"site_id": "shop.example"}
DAY: Final[Mapping[str, Any]] = {**SITE_ID, "start": "2025-03-10", "end": "2025-03-10"}
DAY_META: Final[Mapping[str, Any]] = {**SITE_ID, "start": "2025-03-10T00:00:00Z", "end": "2025-03-10T23:59:59Z"}


def wrong_fields(description: str) -> Answer:
    """Return the answer to fields at fault."""
    return Answer(description, {JSON: FIELD_ERRORS})


def answer_of(results: object, meta: Mapping[str, Any] = SITE_ID) -> dict[str, Any]:
    """Return the body of an example."""
    return {"results": results, "meta": dict(meta)}


def field_error(name: str, sentence: str) -> dict[str, Any]:
    """Return the body of an example in which one field is at fault."""
    return {"error": f"{name} {sentence}", "errors": {name: [sentence]}}
