"""Events, the tracker script and health, as clients are told of them (event contract, parts 1 and 6)."""

from collections.abc import Mapping
from typing import Any, Final

from analytics_project.documentation import (
    ERROR_REFERENCE,
    JSON,
    METHOD_NOT_ALLOWED,
    PUBLIC,
    RETRY_AFTER,
    TEXT,
    Answer,
    Example,
    Operation,
    Parameter,
    Schema,
    error,
    operation,
)
from stats.ingest.payload import (
    MAX_BODY_BYTES,
    MAX_CALLER_ID_BYTES,
    MAX_DOMAINS,
    MAX_NAME_CHARACTERS,
    MAX_PROP_KEY_BYTES,
    MAX_PROP_VALUE_BYTES,
    MAX_PROPS,
    MAX_URL_BYTES,
)

TAG: Final = "Events"
FORM: Final = "application/x-www-form-urlencoded"
SCRIPT: Final = "application/javascript"

_SCALAR: Final = ["string", "number", "boolean"]
_EVENT: Final[Schema] = {
    "type": "object",
    "description": "An event of a page, an app or a backend. Members that are not named here are ignored.",
    "properties": {
        "name": {
            "type": ["string", "integer"],
            "maxLength": MAX_NAME_CHARACTERS,
            "description": "`pageview`, `engagement`, or a custom event of your own. Short form: `n`.",
        },
        "url": {"type": "string", "description": f"The page's URL, at most {MAX_URL_BYTES} bytes. Short form: `u`."},
        "domain": {
            "type": "string",
            "description": f"The site, or up to {MAX_DOMAINS} with commas. By default the URL's host. Short form: `d`.",
        },
        "referrer": {"type": ["string", "null"], "description": "Where the visitor came from. Short form: `r`."},
        "props": {
            "type": ["object", "string", "null"],
            "additionalProperties": {"type": [*_SCALAR, "null", "array", "object"]},
            "description": (
                f"Custom properties, also as JSON text: the first {MAX_PROPS} with a value count, keys of at most "
                f"{MAX_PROP_KEY_BYTES} and values of at most {MAX_PROP_VALUE_BYTES} bytes. Short forms: `p`, `m`."
            ),
        },
        "revenue": {
            "type": ["object", "string", "null"],
            "properties": {"amount": {"type": ["number", "string"]}, "currency": {"type": "string"}},
            "description": "Money of this event, currency in ISO 4217; left out if it cannot be read. Short form: `$`.",
        },
        "interactive": {
            "type": "boolean",
            "default": True,
            "description": "Whether a visit with this event is no bounce. Short form: `i`.",
        },
        "sd": {"type": "integer", "description": "Percent of the page that was seen; engagement only."},
        "e": {"type": "integer", "description": "Milliseconds of attention; engagement only."},
        "visitor_id": {
            "type": "string",
            "description": "`v_` and 16 hex digits, or an id of your own; with a key of the site only. Short form: "
            "`vid`, which a site with persistent visitor ids takes without a key.",
        },
        "user_id": {
            "type": ["string", "integer"],
            "description": (
                "Beside the visitor's id, your own id of the person that the visitor is, at most "
                f"{MAX_CALLER_ID_BYTES} bytes, kept as a hash; alone and with a key of the site, the visitor itself. "
                "Ignored where it may not be said or is no id. Short form: `uid`."
            ),
        },
    },
    "anyOf": [{"required": ["name", "url"]}, {"required": ["n", "u"]}],
}
_REFUSED_EVENT: Final[Schema] = {
    "type": "object",
    "description": "All failing fields together.",
    "properties": {
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    },
    "required": ["errors"],
    "additionalProperties": False,
}
_VISITOR: Final[Schema] = {
    "type": "object",
    "description": "Whom the event was counted for; null when it was not counted.",
    "properties": {
        "visitor_id": {"type": ["string", "null"], "pattern": "^v_[0-9a-f]{16}$"},
        "visit_id": {"type": ["string", "null"], "pattern": "^[0-9a-f]{16}$"},
    },
    "required": ["visitor_id", "visit_id"],
    "additionalProperties": False,
}
_HEALTH: Final[Schema] = {
    "type": "object",
    "properties": {
        "postgres": {"type": "string", "description": "The relational store, whichever it is."},
        "clickhouse": {"type": "string", "description": "The event store, embedded or not."},
        "sites_cache": {"type": "string"},
        "spool": {"type": "string"},
        "background": {"type": "string", "description": "What goes on by itself, such as erasures and webhooks."},
        "spool_pending_bytes": {
            "type": "integer",
            "minimum": 0,
            "description": "Accepted, not yet in the event store.",
        },
        "store_refusing_s": {"type": "number", "minimum": 0, "description": "For how long the event store has failed."},
        "schema_version": {"type": "integer", "minimum": 0, "description": "Of the event store."},
    },
    "required": ["postgres", "clickhouse", "sites_cache", "spool", "background"],
    "additionalProperties": False,
}
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Event": _EVENT,
    "RefusedEvent": _REFUSED_EVENT,
}

_DROPPED: Final[Mapping[str, Schema]] = {
    "x-plausible-dropped": {
        "description": "For how many sites the event was not counted; absent when it was for all.",
        "schema": {"type": "string"},
    },
    "x-dropped-reasons": {"description": "Why not, one word for each of them.", "schema": {"type": "string"}},
}
_PAGEVIEW: Final[Mapping[str, Any]] = {
    "name": "pageview",
    "url": "https://shop.example/pricing?utm_source=newsletter",
    "domain": "shop.example",
}
EVENT: Final = operation(
    operation_id="sendEvent",
    tag=TAG,
    summary="Count an event",
    description=(
        "Taken from anywhere, without a key. `User-Agent` and the client's address tell visitors apart, so a backend "
        "passes on those of its visitor. 202 means that the event is kept, even if the server is killed the moment "
        "after, or that it is not counted for a reason that the headers name. A key of the site is needed to name the "
        "visitor by `visitor_id` or `user_id`. JSON is also taken as `text/plain`, which spares browsers a preflight, "
        f"and forms carry the same members as text. A body has at most {MAX_BODY_BYTES} bytes."
    ),
    parameters=(
        Parameter(
            "return", "query", {"type": "string", "enum": ["visitor"]}, "Answers the ids of the visitor and the visit."
        ),
        Parameter("User-Agent", "header", {"type": "string"}, "The visitor's browser. Bots are not counted."),
        Parameter("X-Forwarded-For", "header", {"type": "string"}, "The visitor's address, from a trusted proxy."),
        Parameter(
            "X-Debug-Request",
            "header",
            {"type": "string", "enum": ["true"]},
            "Counts nothing and answers the address that the event would have been counted for.",
        ),
    ),
    body={JSON: {"$ref": "#/components/schemas/Event"}, TEXT: {"type": "string"}, FORM: {"type": "object"}},
    security=({}, {"key": []}),
    answers={
        200: Answer("The client's address, for `X-Debug-Request`.", {TEXT: {"type": "string"}}),
        202: Answer(
            "Kept, or not counted for the reason in the headers.",
            {TEXT: {"type": "string", "const": "ok"}, JSON: _VISITOR},
            _DROPPED,
        ),
        400: Answer("The body cannot be read, or fields fail.", {JSON: {"$ref": "#/components/schemas/RefusedEvent"}}),
        401: error("A visitor is named, and the key is no key of the site or only reads."),
        402: error("A visitor is named, and the plan of the site's team does not include the Stats API."),
        503: Answer("The event cannot be kept now. Send it again.", {JSON: ERROR_REFERENCE}, RETRY_AFTER),
    },
    refusals=(METHOD_NOT_ALLOWED,),
    examples=(
        Example("pageview", "A pageview", "ok", 202, body=_PAGEVIEW, media_type=TEXT),
        Example(
            "purchase",
            "A custom event with properties and revenue, sent by a backend for its visitor",
            {"visitor_id": "v_b1e2f00e5e5bd5c7", "visit_id": "000c1f0a6d1f5f10"},
            202,
            parameters={"return": "visitor", "X-Forwarded-For": "203.0.113.9"},
            body={
                "name": "Purchase",
                "url": "https://shop.example/order",
                "domain": "shop.example",
                "props": {"plan": "yearly"},
                "revenue": {"amount": "49.90", "currency": "EUR"},
            },
        ),
        Example(
            "trackerPageview",
            "A pageview as the tracker script sends it",
            "ok",
            202,
            body='{"n":"pageview","u":"https://shop.example/","d":"shop.example"}',
            sent_as=TEXT,
            media_type=TEXT,
        ),
        Example(
            "whoAmI",
            "Which address a proxy passes on",
            "203.0.113.9",
            parameters={"X-Debug-Request": "true", "X-Forwarded-For": "203.0.113.9"},
            body=_PAGEVIEW,
            media_type=TEXT,
        ),
        Example(
            "fieldsMissing",
            "An event without a name and a page",
            {
                "errors": {
                    "url": ["is required"],
                    "event_name": ["can't be blank"],
                }
            },
            400,
            body={"domain": "shop.example"},
        ),
        Example(
            "spoolFull",
            "More waits for the event store than may",
            {"error": "the event store is behind and the spool is full"},
            503,
            body=_PAGEVIEW,
        ),
    ),
)

HEALTH: Final = operation(
    operation_id="health",
    tag="Operation",
    summary="Whether every dependency is well",
    description="For load balancers. One word for each dependency; what is wrong is said without data.",
    security=PUBLIC,
    answers={
        200: Answer("All are well.", {JSON: _HEALTH}),
        500: Answer("At least one is not `ok`.", {JSON: _HEALTH}),
        405: Answer("Only GET and HEAD are taken."),
    },
    examples=(
        Example(
            "well",
            "A server at rest",
            {
                "postgres": "ok",
                "clickhouse": "ok",
                "sites_cache": "ok",
                "spool": "ok",
                "background": "ok",
                "spool_pending_bytes": 0,
                "store_refusing_s": 0.0,
                "schema_version": 1,
            },
        ),
    ),
)
TRACKER: Final = operation(
    operation_id="trackerScript",
    tag=TAG,
    summary="The tracker script",
    description=(
        "`script.js`, `plausible.js` and `analytics.js`, with the extensions that Plausible's scripts know, such as "
        "`script.hash.outbound-links.js`; or `pa-….js`, the id of a site's tracker settings, or its public id without "
        "`ds_`, with that site's configuration written in."
    ),
    security=PUBLIC,
    parameters=(Parameter("file_name", "path", {"type": "string", "minLength": 1}, "The script's name."),),
    answers={
        200: Answer("The script.", {SCRIPT: {"type": "string"}}, {"ETag": {"schema": {"type": "string"}}}),
        404: Answer("There is no script of that name, or no such site.", {TEXT: {"type": "string"}}),
        405: Answer("Only GET and HEAD are taken."),
    },
    examples=(
        Example(
            "unknownScript",
            "A name that no script has",
            "Not found",
            404,
            parameters={"file_name": "nothing.js"},
            media_type=TEXT,
        ),
    ),
)
ERROR_REPORT: Final = operation(
    operation_id="reportTrackerError",
    tag=TAG,
    summary="Failures of very old tracker scripts",
    description="Taken and not kept, so that pages with such a script meet no error.",
    security=PUBLIC,
    answers={200: Answer("Nothing.", {TEXT: {"type": "string"}})},
    refusals=(METHOD_NOT_ALLOWED,),
)
PATHS: Final[Mapping[str, Mapping[str, Operation]]] = {
    "/api/event": {"post": EVENT},
    "/api/error": {"get": ERROR_REPORT},
    "/api/health": {"get": HEALTH},
    "/js/{file_name}": {"get": TRACKER},
}
