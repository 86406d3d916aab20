"""Goals and custom properties, as plugins are told of them (Plugins API contract, sections 6 and 7)."""

from typing import Any, Final

from analytics_project.documentation import JSON, Example, operation
from goals.api.plugins.documentation.schemas import refer
from goals.api.plugins.documentation.shared import (
    BAD_REQUEST,
    GONE,
    LOCATION,
    NOT_FOUND,
    PAGINATION,
    PAGING,
    PAYMENT_REQUIRED,
    READS,
    SECURITY,
    UPGRADE,
    WRITES,
    answer,
    id_in,
    misshapen,
    refused,
)

_SIGNUP: Final[dict[str, Any]] = {
    "goal_type": "Goal.CustomEvent",
    "goal": {"id": 7000001, "display_name": "Signup", "event_name": "Signup", "custom_props": {}},
}
_ORDER: Final[dict[str, Any]] = {
    "goal_type": "Goal.Revenue",
    "goal": {
        "id": 7000002,
        "display_name": "Order",
        "event_name": "Order",
        "currency": "SEK",
        "custom_props": {"tier": "gold"},
    },
}
_THANKS: Final[dict[str, Any]] = {
    "goal_type": "Goal.Pageview",
    "goal": {"id": 7000003, "display_name": "Visit /thanks", "path": "/thanks", "custom_props": {}},
}
_NEW_ORDER: Final[dict[str, Any]] = {
    "goal_type": "Goal.Revenue",
    "goal": {"event_name": "Order", "currency": "SEK", "custom_props": {"tier": "gold"}},
}

LIST_GOALS: Final = operation(
    operation_id="Goal.List",
    tag="Goals",
    summary="The goals of the site",
    description="Newest first. A goal of a scroll depth is shown as one of its page.",
    security=SECURITY,
    parameters=PAGING,
    answers={200: answer("A page of goals.", "Goal.ListResponse"), **READS, 400: BAD_REQUEST},
    examples=(
        Example("goals", "A site with one goal", {"goals": [_SIGNUP], "meta": PAGINATION}),
        Example(
            "cursorWrong",
            "A cursor of nowhere",
            refused("after: is not a cursor of this list"),
            400,
            parameters={"after": "nowhere"},
        ),
    ),
)
PROVIDE_GOALS: Final = operation(
    operation_id="Goal.GetOrCreate",
    tag="Goals",
    summary="Find or create goals",
    description=(
        "One goal, or one to eight: all or none. A goal that exists is answered as it is, also with 201; the same "
        "request again changes nothing. An event has one currency."
    ),
    security=SECURITY,
    body={JSON: {"oneOf": [refer("Goal.CreateRequest"), refer("Goal.CreateRequest.BulkGetOrCreate")]}},
    answers={
        201: answer("The goals, in the order asked for.", "Goal.ListResponse", LOCATION),
        **WRITES,
        402: PAYMENT_REQUIRED,
    },
    examples=(
        Example(
            "existing",
            "A goal that the site has",
            {"goals": [_SIGNUP], "meta": PAGINATION},
            201,
            body={"goal_type": "Goal.CustomEvent", "goal": {"event_name": " Signup "}},
        ),
        Example(
            "several",
            "Two new goals at once",
            {"goals": [_ORDER, _THANKS], "meta": PAGINATION},
            201,
            body={"goals": [_NEW_ORDER, {"goal_type": "Goal.Pageview", "goal": {"path": "thanks"}}]},
        ),
        Example(
            "otherCurrency",
            "A currency for an event that has none",
            refused("event_name: 'Signup' (with currency: ) has already been taken"),
            422,
            body={"goal_type": "Goal.Revenue", "goal": {"event_name": "Signup", "currency": "SEK"}},
        ),
        Example(
            "nameMissing",
            "No event is named",
            misshapen("/goal/event_name", "event_name: can't be blank"),
            422,
            body={"goal_type": "Goal.CustomEvent", "goal": {}},
        ),
        Example(
            "planWithoutRevenue", "A plan without the feature", refused("Revenue Goals" + UPGRADE), 402, body=_NEW_ORDER
        ),
    ),
)
DELETE_GOALS: Final = operation(
    operation_id="Goal.DeleteBulk",
    tag="Goals",
    summary="Delete up to eight goals",
    description="Numbers that the site lacks are no error. Funnels lose the steps, and end with fewer than two.",
    security=SECURITY,
    body={JSON: refer("Goal.DeleteBulkRequest")},
    answers={204: GONE, **WRITES},
    examples=(
        Example(
            "none",
            "No number",
            misshapen("/goal_ids", "goal_ids: should have from 1 to 8 items"),
            422,
            body={"goal_ids": []},
        ),
    ),
)
GET_GOAL: Final = operation(
    operation_id="Goal.Get",
    tag="Goals",
    summary="One goal",
    description="A goal of the token's site by its number.",
    security=SECURITY,
    parameters=(id_in("goal_id", "goal"),),
    answers={200: answer("The goal.", "Goal"), **READS, 404: NOT_FOUND},
    examples=(
        Example("signup", "A goal", _SIGNUP, parameters={"goal_id": 7000001}),
        Example(
            "unknown", "A number that the site does not have", refused("Goal not found"), 404, parameters={"goal_id": 1}
        ),
        Example(
            "noNumber",
            "A word",
            misshapen("/id", "id: must be a whole number"),
            422,
            parameters={"goal_id": "hello"},
        ),
    ),
)
DELETE_GOAL: Final = operation(
    operation_id="Goal.Delete",
    tag="Goals",
    summary="Delete a goal",
    description="A number that the site does not have is no error. Funnels lose the step, and end with fewer than two.",
    security=SECURITY,
    parameters=(id_in("goal_id", "goal"),),
    answers={204: GONE, **READS},
)
ENABLE_PROPS: Final = operation(
    operation_id="CustomProp.GetOrEnable",
    tag="Custom properties",
    summary="Show custom properties in reports",
    description="One or many; at most 300 of a site. New ones come first.",
    security=SECURITY,
    body={JSON: {"oneOf": [refer("CustomProp.EnableRequest"), refer("CustomProp.EnableRequest.BulkEnable")]}},
    answers={201: answer("All that the site has enabled.", "CustomProp.ListResponse"), **WRITES, 402: PAYMENT_REQUIRED},
    examples=(
        Example(
            "author",
            "One property",
            {"custom_props": [{"custom_prop": {"key": "author"}}]},
            201,
            body={"custom_prop": {"key": "author"}},
        ),
        Example(
            "blank",
            "A blank key",
            refused("allowed_event_props: can't be blank"),
            422,
            body={"custom_props": [{"custom_prop": {"key": " "}}]},
        ),
    ),
)
DISABLE_PROPS: Final = operation(
    operation_id="CustomProp.DisableBulk",
    tag="Custom properties",
    summary="Take custom properties off the list",
    description="One or many, by their keys as sent; those that are not on it are no error. What was recorded stays.",
    security=SECURITY,
    body={JSON: {"oneOf": [refer("CustomProp.DisableRequest"), refer("CustomProp.DisableRequest.BulkDisable")]}},
    answers={204: GONE, **WRITES},
)
