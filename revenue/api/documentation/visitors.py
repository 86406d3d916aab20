"""Who visitors are, what they did, and erasing them, as clients are told of it."""

from typing import Any, Final

from analytics_project.documentation import Example, Parameter, error
from goals.api.documentation.operations import answered, read_operation, write_operation
from goals.api.documentation.shared import (
    COUNT,
    CURSOR_META,
    CURSOR_PAGE,
    DAY,
    DAY_META,
    EDITORS,
    INSTANT,
    SITE_ID,
    TEXT,
    TEXT_OR_NULL,
    VISITOR_ID,
    WINDOW,
    WINDOW_META,
    answer_of,
    field_error,
    list_of,
    object_of,
    wrong_fields,
)
from revenue.api.documentation.shared import PAYMENT_TYPES

VISITOR: Final = Parameter(
    "visitor_id",
    "path",
    VISITOR_ID,
    "The id that the tracker shows, or your own, percent-encoded; it need not be known.",
)

_WRONG: Final = wrong_fields("A parameter is missing or wrong.")
_COMMON: Final = {"at": INSTANT, "visitor_id": TEXT}
_PLACE: Final = {"session_id": TEXT, "hostname": TEXT_OR_NULL, "pathname": TEXT_OR_NULL}
_PROPERTIES: Final = {"type": "object", "additionalProperties": TEXT}
_GOALS: Final = {**list_of(TEXT), "description": "The goals that it completes, by name."}
_SESSION_TEXTS: Final = (
    "source",
    "country",
    "city",
    "browser",
    "os",
    "device_type",
    "medium",
    "campaign",
    "channel",
    "hostname",
    "entry_page",
    "exit_page",
)
_MONEY: Final = {
    "transaction_id": TEXT,
    "amount": {"type": "number", "description": "As it was sent; refunds are positive."},
    "currency": TEXT,
    "payment_type": {"enum": list(PAYMENT_TYPES)},
    "product_name": TEXT_OR_NULL,
    "customer_id": TEXT_OR_NULL,
}
_ENTRY: Final[dict[str, Any]] = {
    "oneOf": [
        object_of(
            {
                "type": {"const": "session"},
                **_COMMON,
                "session_id": TEXT,
                **dict.fromkeys(_SESSION_TEXTS, TEXT_OR_NULL),
                "pageviews": COUNT,
                "duration_seconds": COUNT,
            }
        ),
        object_of({"type": {"const": "pageview"}, **_COMMON, **_PLACE, "properties": _PROPERTIES, "goals": _GOALS}),
        object_of(
            {
                "type": {"const": "event"},
                **_COMMON,
                "name": TEXT,
                **_PLACE,
                "properties": _PROPERTIES,
                "goals": _GOALS,
            }
        ),
        object_of({"type": {"const": "page_read"}, **_COMMON, **_PLACE, "goals": _GOALS}),
        object_of({"type": {"enum": ["payment", "refund"]}, **_COMMON, **_MONEY}),
    ]
}

_MORNING: Final[dict[str, Any]] = {"start": "2025-03-10T09:00:00", "end": "2025-03-10T09:40:00"}
_MORNING_META: Final[dict[str, Any]] = {
    **SITE_ID,
    "start": "2025-03-10T09:00:00Z",
    "end": "2025-03-10T09:40:00Z",
    "timezone": "UTC",
    "limit": 100,
    "cursor": None,
}
_SHOPPER: Final[dict[str, Any]] = {"visitor_id": "v_00000000424f9f77"}
_VISITED: Final = {"session_id": "0000000000000001", "hostname": "shop.example"}
_BOUGHT: Final[list[dict[str, Any]]] = [
    {
        "type": "payment",
        "at": "2025-03-10T09:30:00Z",
        **_SHOPPER,
        "transaction_id": "txn_1",
        "amount": 49.0,
        "currency": "EUR",
        "payment_type": "recurring",
        "product_name": "Pro",
        "customer_id": None,
    },
    {
        "type": "event",
        "at": "2025-03-10T09:10:00Z",
        **_SHOPPER,
        "name": "Signup",
        **_VISITED,
        "pathname": "/pricing",
        "properties": {"plan": "pro"},
        "goals": ["Signup"],
    },
    *(
        {"type": "pageview", "at": at, **_SHOPPER, **_VISITED, "pathname": page, "properties": {}, "goals": []}
        for at, page in (("2025-03-10T09:05:00Z", "/pricing"), ("2025-03-10T09:00:00Z", "/"))
    ),
    {
        "type": "session",
        "at": "2025-03-10T09:00:00Z",
        **_SHOPPER,
        **_VISITED,
        "source": "Google",
        "country": "Estonia",
        "city": None,
        "browser": "Chrome",
        "os": None,
        "device_type": None,
        "medium": None,
        "campaign": None,
        "channel": "Organic Search",
        "entry_page": "/",
        "exit_page": "/pricing",
        "pageviews": 2,
        "duration_seconds": 600,
    },
]

JOURNEY: Final = read_operation(
    operation_id="visitorJourney",
    summary="What one visitor did",
    description=(
        "Visits, at their start, with where they came from; pages, custom events and the goals that they complete; "
        "payments and refunds; all in one order, newest first, of the window. `page_read` is a page that was read far "
        "enough for a goal. Visitors who are the same user are shown together, each entry with its `visitor_id`. An "
        "unknown visitor has no entries. `meta.cursor` leads to older ones. Voided payments are left out. Keys read it "
        "that read the site's statistics; shared links do not."
    ),
    parameters=(VISITOR, *WINDOW, *CURSOR_PAGE),
    answer=answered(
        "A page of entries; the cursor is null at the end.",
        list_of(_ENTRY),
        {**WINDOW_META, "timezone": TEXT, **CURSOR_META},
    ),
    wrong=_WRONG,
    examples=(
        Example(
            "firstMorning",
            "From the first visit to a payment",
            answer_of(_BOUGHT, _MORNING_META),
            parameters={**SITE_ID, **_MORNING, **_SHOPPER},
        ),
        Example(
            "unknownVisitor",
            "Of a visitor whom nobody knows",
            answer_of([], {**DAY_META, "timezone": "UTC", "limit": 100, "cursor": None}),
            parameters={**DAY, "visitor_id": "nobody"},
        ),
    ),
)

_NAMED: Final = {**SITE_ID, "visitor_id": "v_8f3a2b1c4d5e6f70"}
_USER: Final = {"user_id": "u42"}
IDENTIFY: Final = write_operation(
    operation_id="identifyVisitor",
    summary="Say which user a visitor is",
    description=(
        "From the answer on, visitors who are the same user share one path: a payment is put down to what brought any "
        "of them, as is one that names the user itself as its `visitor_id`. Counts of visitors do not change. One "
        "visitor is one user: the latest word counts, from here or from the page (`plausible.identify`). What is kept "
        "of the user's id is a hash. The same request again changes nothing. "
        f"{EDITORS}"
    ),
    parameters=(VISITOR,),
    body={
        "type": "object",
        "properties": {
            "user_id": {
                "type": "string",
                "minLength": 1,
                "description": "Your own id of a person: a number of your database, an e-mail address or its hash; "
                "at most 200 bytes.",
            },
        },
        "required": ["user_id"],
    },
    answers={
        200: answered("It is kept.", object_of({"identified": {"const": True}, "visitor_id": TEXT})),
        400: wrong_fields("A parameter or a field is missing or wrong."),
        403: error("The key only reads."),
        503: error("It cannot be kept now; nothing was changed."),
    },
    examples=(
        Example(
            "loggedIn",
            "A browser in which somebody has logged in",
            answer_of({"identified": True, "visitor_id": _NAMED["visitor_id"]}),
            parameters=_NAMED,
            body=_USER,
        ),
        Example(
            "userMissing",
            "Without a user",
            field_error("user_id", "is required"),
            400,
            parameters=_NAMED,
            body={},
        ),
    ),
)

ERASE: Final = write_operation(
    operation_id="eraseVisitor",
    summary="Erase a visitor",
    description=(
        "Every event and visit under the id goes, with what it was called and which user it was; so do its payments' "
        "visitor, customer, subscription and metadata, in this request already, while the money stays in all sums. "
        "Where the id is a user's, every visitor who was identified as that user is erased likewise, within seconds. "
        "Events are removed within some seconds; what comes under the id later is removed for three days, then the id "
        "is forgotten here, too. The same request again changes nothing while the removal is under way. Without "
        f"persistent ids a person has another id on every day. {EDITORS}"
    ),
    parameters=(VISITOR,),
    answers={
        202: answered(
            "It is under way since `requested_at`.",
            object_of({"erasing": {"const": True}, "visitor_id": TEXT, "requested_at": INSTANT}),
        ),
        400: _WRONG,
    },
    examples=(
        Example(
            "erased",
            "A visitor",
            answer_of({"erasing": True, **_SHOPPER, "requested_at": "2025-03-10T15:33:00Z"}),
            202,
            parameters={**SITE_ID, **_SHOPPER},
        ),
        Example(
            "noVisitor",
            "No id of a visitor",
            field_error("visitor_id", "must not contain whitespace"),
            400,
            parameters={**SITE_ID, "visitor_id": "ann b"},
        ),
    ),
)
