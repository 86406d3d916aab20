"""Goals, custom properties and shared links, as clients are told of them (Sites API contract, sections 4 to 6)."""

from typing import Final

from accounts.api.documentation.operations import read_operation, write_operation
from accounts.api.documentation.shared import (
    DELETED,
    DOMAIN,
    FORMS,
    GOAL,
    IN_QUERY,
    NAME,
    PAGING,
    SITE_ROLES,
    TEXT,
    TEXT_OR_NULL,
    object_of,
    page_answer,
    page_example,
    refer,
)
from analytics_project.documentation import JSON, Answer, Example, Parameter, error

LIST_GOALS: Final = read_operation(
    operation_id="listGoals",
    summary="The goals of a site",
    description="Newest first.",
    parameters=(
        IN_QUERY,
        *PAGING,
        Parameter("goal_type", "query", GOAL["goal_type"], "Goals of this kind."),
        Parameter("event_name", "query", TEXT, "Goals on this event."),
        Parameter("page_path", "query", TEXT, "Goals on this path, as the list shows it."),
        Parameter("display_name", "query", TEXT, "Goals whose name contains this, in any case."),
    ),
    answer=Answer("A page of goals.", page_answer("goals", refer("SiteGoal"))),
    examples=(
        Example(
            "goals",
            "A site with one goal",
            page_example(
                "goals",
                [
                    {
                        "id": 7000001,
                        "display_name": "Signup",
                        "goal_type": "event",
                        "event_name": "Signup",
                        "page_path": None,
                        "custom_props": {},
                    }
                ],
            ),
            parameters={"site_id": DOMAIN, "goal_type": "event", "display_name": "sign"},
        ),
        Example(
            "siteMissing",
            "No site is named",
            {"error": "site_id is missing: name a site by its domain or its public id"},
            400,
            parameters={"site_id": ""},
        ),
    ),
)
PROVIDE_GOAL: Final = write_operation(
    operation_id="provideGoal",
    summary="Find or create a goal",
    description=(
        "The same configuration is the same goal. Goals with a currency or properties need the feature in the plan "
        f"of the site's team. Needs `sites:provision:*` and the role {SITE_ROLES}. {FORMS}"
    ),
    body={
        "type": "object",
        "properties": {
            "site_id": NAME,
            "goal_type": {"enum": ["event", "page"]},
            "event_name": {**TEXT_OR_NULL, "description": "For `event`, at most 120 characters."},
            "page_path": {**TEXT_OR_NULL, "description": "For `page`; `*` is any text."},
            "display_name": {**TEXT_OR_NULL, "description": "By default made of the event or the path."},
            "scroll_threshold": {
                "type": ["integer", "null"],
                "description": "Percent of the page that must be seen; makes a page goal a scroll goal.",
            },
            "currency": {**TEXT_OR_NULL, "description": "ISO 4217; makes an event goal a revenue goal."},
            "custom_props": {
                "type": "object",
                "additionalProperties": TEXT,
                "description": "Properties that the event must have, at most three.",
            },
        },
        "required": ["site_id", "goal_type"],
    },
    answer=Answer("The goal.", {JSON: object_of({**GOAL, "domain": TEXT})}),
    examples=(
        Example(
            "deepRead",
            "A scroll goal",
            {
                "id": 7000002,
                "display_name": "Deep read",
                "goal_type": "scroll",
                "event_name": None,
                "page_path": "/blog/*",
                "custom_props": {},
                "domain": DOMAIN,
            },
            body={
                "site_id": DOMAIN,
                "goal_type": "page",
                "page_path": "/blog/*",
                "scroll_threshold": 75,
                "display_name": "Deep read",
            },
        ),
        Example(
            "nameTaken",
            "A name that another goal has",
            {"error": "display_name: has already been taken"},
            400,
            body={"site_id": DOMAIN, "goal_type": "page", "page_path": "/", "display_name": "Signup"},
        ),
    ),
)
DELETE_GOAL: Final = write_operation(
    operation_id="deleteGoal",
    summary="Delete a goal",
    description=f"Needs `sites:provision:*` and the role {SITE_ROLES}. `site_id` may also stand in the body.",
    parameters=(Parameter("goal_id", "path", {"type": "integer"}, "The goal's number."), IN_QUERY),
    answer=DELETED,
    not_found=error("There is no such site or goal, or the role does not suffice."),
    examples=(
        Example("signup", "A goal", {"deleted": True}, parameters={"goal_id": 7000001, "site_id": DOMAIN}),
        Example(
            "unknownGoal",
            "A goal that does not exist",
            {"error": "Goal not found"},
            404,
            parameters={"goal_id": 999999999, "site_id": DOMAIN},
        ),
    ),
)
LIST_PROPS: Final = read_operation(
    operation_id="listCustomProperties",
    summary="The custom properties of a site",
    description="All of them, by name.",
    parameters=(IN_QUERY, Parameter("property", "query", TEXT, "Those whose name contains this, in any case.")),
    answer=Answer(
        "The properties.",
        {JSON: object_of({"custom_properties": {"type": "array", "items": object_of({"property": TEXT})}})},
    ),
    examples=(Example("none", "A site without any", {"custom_properties": []}, parameters={"site_id": DOMAIN}),),
)
ENABLE_PROP: Final = write_operation(
    operation_id="enableCustomProperty",
    summary="Show a custom property in reports",
    description=f"Needs `sites:provision:*`, the role {SITE_ROLES}, and the feature in the plan. {FORMS}",
    body=object_of({"site_id": NAME, "property": NAME}),
    answer=Answer("It is shown.", {JSON: object_of({"created": {"const": True}})}),
    examples=(
        Example("plan", "A property", {"created": True}, body={"site_id": DOMAIN, "property": "plan"}),
        Example(
            "propertyMissing",
            "No property is named",
            {"error": "property is missing: it is required and must be a text"},
            400,
            body={"site_id": DOMAIN},
        ),
    ),
)
DISABLE_PROP: Final = write_operation(
    operation_id="disableCustomProperty",
    summary="Take a custom property off the list",
    description=f"Also one that is not on it. Needs `sites:provision:*` and the role {SITE_ROLES}.",
    parameters=(Parameter("property", "path", NAME, "Its name."), IN_QUERY),
    answer=DELETED,
    examples=(Example("plan", "A property", {"deleted": True}, parameters={"property": "plan", "site_id": DOMAIN}),),
)
PROVIDE_LINK: Final = write_operation(
    operation_id="provideSharedLink",
    summary="Find or create a shared link",
    description=(
        "A link that exists stays as it is. Its `auth` is also a key for reading statistics of the site: "
        "`Authorization: Bearer <auth>`, or `<auth>:<password>`. "
        f"Needs `sites:provision:*`, the role {SITE_ROLES}, and for a new link the feature. {FORMS}"
    ),
    body=object_of(
        {
            "site_id": NAME,
            "name": NAME,
            "password": {**TEXT, "description": "Of a new link; none where it is empty."},
            "expires_at": {**TEXT, "description": "Of a new link: ISO 8601, UTC without an offset."},
        },
        ("site_id", "name"),
    ),
    answer=Answer("The link.", {JSON: object_of({"name": TEXT, "url": TEXT})}),
    examples=(
        Example(
            "board",
            "A link for the board",
            {"name": "Board", "url": "https://stats.example/share/shop.example?auth=ast--L0iOM_A6Y_GU1FM9"},
            body={"site_id": DOMAIN, "name": "Board"},
        ),
        Example(
            "untilApril",
            "A link with a password and an end",
            {"name": "Agency", "url": "https://stats.example/share/shop.example?auth=ast--L0iOM_A6Y_GU1FM9"},
            body={
                "site_id": DOMAIN,
                "name": "Agency",
                "password": "open sesame",
                "expires_at": "2025-04-01T00:00:00+02:00",
            },
        ),
        Example(
            "nameMissing",
            "No name",
            {"error": "name is missing: it is required and must be a text"},
            400,
            body={"site_id": DOMAIN},
        ),
    ),
)
