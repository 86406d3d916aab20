"""Capabilities, links, funnels and tracker, as plugins are told of them (contract, sections 5 and 8 to 10)."""

from typing import Any, Final

from accounts.types import Feature
from analytics_project.documentation import JSON, Example, operation
from goals.api.plugins.documentation.schemas import refer
from goals.api.plugins.documentation.shared import (
    BAD_REQUEST,
    LOCATION,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
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

_BOARD: Final[dict[str, Any]] = {
    "shared_link": {
        "id": 7000001,
        "name": "Board",
        "password_protected": False,
        "href": "https://stats.example/share/shop.example?auth=ast--L0iOM_A6Y_GU1FM9",
    }
}
_NEW_STEPS: Final[list[Any]] = [
    {"goal_type": "Goal.Pageview", "goal": {"path": "/trial"}},
    {"goal_type": "Goal.CustomEvent", "goal": {"event_name": "Signup"}},
]
_FUNNEL: Final[dict[str, Any]] = {
    "funnel": {
        "id": 7000001,
        "name": "Trial to account",
        "steps": [
            {
                "goal_type": "Goal.Pageview",
                "goal": {"id": 7000002, "display_name": "Visit /trial", "path": "/trial", "custom_props": {}},
            },
            {
                "goal_type": "Goal.CustomEvent",
                "goal": {"id": 7000001, "display_name": "Signup", "event_name": "Signup", "custom_props": {}},
            },
        ],
    }
}
_TRACKER: Final[dict[str, Any]] = {
    "id": "pa-a1B2c3D4e5F6g7H8i9J0k",
    "installation_type": "manual",
    "hash_based_routing": False,
    "outbound_links": False,
    "file_downloads": False,
    "form_submissions": False,
}

CAPABILITIES: Final = operation(
    operation_id="Capabilities.Get",
    tag="Capabilities",
    summary="What the token opens",
    description="A wrong or missing token is no error: nothing is open then.",
    security=({}, *SECURITY),
    answers={
        200: answer("Site and features.", "Capabilities"),
        405: METHOD_NOT_ALLOWED,
        406: NOT_ACCEPTABLE,
    },
    examples=(
        Example(
            "shop",
            "A team with every feature",
            {
                "authorized": True,
                "data_domain": "shop.example",
                "features": {feature.short_name: True for feature in Feature},
            },
        ),
    ),
)
LIST_LINKS: Final = operation(
    operation_id="SharedLink.List",
    tag="Shared links",
    summary="The shared links of the site",
    description="Newest first.",
    security=SECURITY,
    parameters=PAGING,
    answers={200: answer("A page of links.", "SharedLink.ListResponse"), **READS, 400: BAD_REQUEST},
    examples=(Example("none", "A site without any", {"shared_links": [], "meta": PAGINATION}),),
)
PROVIDE_LINK: Final = operation(
    operation_id="SharedLink.GetOrCreate",
    tag="Shared links",
    summary="Find or create a shared link",
    description="By its exact name, on every plan. A password counts only when the link is made.",
    security=SECURITY,
    body={JSON: refer("SharedLink.CreateRequest")},
    answers={201: answer("The link.", "SharedLink", LOCATION), **WRITES},
    examples=(
        Example("board", "A link for the board", _BOARD, 201, body={"shared_link": {"name": "Board"}}),
        Example("blank", "A blank name", refused("name: can't be blank"), 422, body={"shared_link": {"name": ""}}),
    ),
)
GET_LINK: Final = operation(
    operation_id="SharedLink.Get",
    tag="Shared links",
    summary="One shared link",
    description="A link of the token's site by its number.",
    security=SECURITY,
    parameters=(id_in("link_id", "link"),),
    answers={200: answer("The link.", "SharedLink"), **READS, 404: NOT_FOUND},
    examples=(
        Example(
            "unknown", "A number that the site lacks", refused("Shared link not found"), 404, parameters={"link_id": 1}
        ),
    ),
)
LIST_FUNNELS: Final = operation(
    operation_id="Funnel.List",
    tag="Funnels",
    summary="The funnels of the site",
    description="Newest first, each with its steps in order.",
    security=SECURITY,
    parameters=PAGING,
    answers={200: answer("A page of funnels.", "Funnel.ListResponse"), **READS, 400: BAD_REQUEST},
    examples=(Example("none", "A site without any", {"funnels": [], "meta": PAGINATION}),),
)
PROVIDE_FUNNEL: Final = operation(
    operation_id="Funnel.GetOrCreate",
    tag="Funnels",
    summary="Find or create a funnel",
    description=(
        "By its exact name. Its steps, two to eight different goals, are found or created first; the steps of a funnel "
        "that exists stay as they are."
    ),
    security=SECURITY,
    body={JSON: refer("Funnel.CreateRequest")},
    answers={201: answer("The funnel.", "Funnel", LOCATION), **WRITES, 402: PAYMENT_REQUIRED},
    examples=(
        Example("trial", "Two steps", _FUNNEL, 201, body={"funnel": {"name": "Trial to account", "steps": _NEW_STEPS}}),
        Example(
            "oneStep",
            "A single step",
            misshapen("/funnel/steps", "steps: should have from 2 to 8 items"),
            422,
            body={"funnel": {"name": "Short", "steps": _NEW_STEPS[:1]}},
        ),
        Example(
            "planWithoutFunnels",
            "A plan without the feature",
            refused("Funnels" + UPGRADE),
            402,
            body={"funnel": {"name": "Trial to account", "steps": _NEW_STEPS}},
        ),
    ),
)
GET_FUNNEL: Final = operation(
    operation_id="Funnel.Get",
    tag="Funnels",
    summary="One funnel",
    description="A funnel of the token's site by its number.",
    security=SECURITY,
    parameters=(id_in("funnel_id", "funnel"),),
    answers={200: answer("The funnel.", "Funnel"), **READS, 404: NOT_FOUND},
    examples=(
        Example(
            "unknown", "A number that the site lacks", refused("Funnel not found"), 404, parameters={"funnel_id": 1}
        ),
    ),
)
GET_TRACKER: Final = operation(
    operation_id="TrackerScriptConfiguration.Get",
    tag="Tracker",
    summary="What the site's script does by itself",
    description="Made with every switch off when it is first asked for. The script is at `/js/{id}.js`.",
    security=SECURITY,
    answers={200: answer("The configuration.", "TrackerScriptConfiguration"), **READS},
    examples=(Example("new", "A new site", {"tracker_script_configuration": _TRACKER}),),
)
CONFIGURE_TRACKER: Final = operation(
    operation_id="TrackerScriptConfiguration.Update",
    tag="Tracker",
    summary="Change what the site's script does",
    description=(
        "Switches that are left out stay. A switch that moves makes its goal, or deletes every goal of its event: "
        "`Outbound Link: Click`, `File Download`, `Form: Submission`."
    ),
    security=SECURITY,
    body={JSON: refer("TrackerScriptConfiguration.UpdateRequest")},
    answers={200: answer("The configuration.", "TrackerScriptConfiguration"), **WRITES},
    examples=(
        Example(
            "outbound",
            "Outbound links on",
            {"tracker_script_configuration": {**_TRACKER, "outbound_links": True}},
            body={"tracker_script_configuration": {"installation_type": "manual", "outbound_links": True}},
        ),
        Example(
            "kindMissing",
            "No installation type",
            misshapen(
                "/tracker_script_configuration/installation_type",
                "installation_type: can't be blank",
            ),
            422,
            body={"tracker_script_configuration": {"outbound_links": True}},
        ),
    ),
)
