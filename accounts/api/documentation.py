"""The Sites API, as clients are told of it (Sites API contract)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    NOT_AUTHENTICATED,
    PAYMENT_REQUIRED,
    RATE_LIMITED,
    UNSUPPORTED_TYPE,
    Answer,
    Example,
    Parameter,
    Refusal,
    Schema,
    error,
    operation,
)

TAG: Final = "Sites"
SITE_ROLES: Final = "owner, admin or editor"

_TEXT: Final[Schema] = {"type": "string"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_SWITCHES: Final = (
    "track_404_pages",
    "hash_based_routing",
    "outbound_links",
    "file_downloads",
    "revenue_tracking",
    "tagged_events",
    "form_submissions",
    "pageview_props",
)


def _object(members: Mapping[str, Schema], required: Iterable[str] | None = None) -> Schema:
    """Return the schema of an object of these members and no others, all of them required unless said otherwise."""
    needed = list(members) if required is None else list(required)
    return {"type": "object", "properties": dict(members), "required": needed, "additionalProperties": False}


def _refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str, item: Schema) -> Mapping[str, Schema]:
    return {JSON: _object({name: {"type": "array", "items": item}, "meta": _refer("PageMeta")})}


_TRACKER_SETTINGS: Final[Mapping[str, Schema]] = {
    "installation_type": {"enum": ["manual", "wordpress", "gtm", "npm", None]},
    **{name: {"type": "boolean"} for name in _SWITCHES},
}
_GOAL: Final[Mapping[str, Schema]] = {
    "id": {"type": "integer"},
    "display_name": _TEXT,
    "goal_type": {"enum": ["event", "page", "scroll"]},
    "event_name": _TEXT_OR_NULL,
    "page_path": _TEXT_OR_NULL,
    "custom_props": {"type": "object", "additionalProperties": _TEXT},
}
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Site": _object(
        {
            "domain": _TEXT,
            "timezone": _TEXT,
            "custom_properties": {"type": "array", "items": _TEXT},
            "tracker_script_configuration": _object({"id": _TEXT, **_TRACKER_SETTINGS}),
        }
    ),
    "TrackerSettings": {
        "type": ["object", "null"],
        "properties": dict(_TRACKER_SETTINGS),
        "description": "What the tracker script of this site does; members that are left out stay as they are.",
    },
    "SiteGoal": _object(_GOAL),
    "PageMeta": {
        **_object({"after": _TEXT_OR_NULL, "before": _TEXT_OR_NULL, "limit": {"type": "integer"}}),
        "description": "Cursors of the next and the previous page; null where there is none.",
    },
    "Deleted": _object({"deleted": {"const": True}}),
}

_DOMAIN: Final = "shop.example"
_IN_PATH: Final = Parameter("site_id", "path", _NAME, "The site's domain or public id.")
_IN_QUERY: Final = Parameter("site_id", "query", _NAME, "The site's domain or public id.", required=True)
_PAGING: Final = (
    Parameter("limit", "query", {"type": "integer"}, "Items on a page, 1 to 100; anything else means 100."),
    Parameter("after", "query", _TEXT, "The cursor `meta.after` of the page before."),
    Parameter("before", "query", _TEXT, "The cursor `meta.before` of the page after."),
)
_TEAM: Final = Parameter("team_id", "query", _TEXT, "Sites of this team only; a key of a team knows its own alone.")
_NO_SITE: Final = error("There is no such site, or the role of the key's owner does not suffice.")
_WRONG: Final = error("A parameter is missing or wrong; the sentence names it.")
_ONLY_READS: Final = error("The key only reads.")
_READ: Final[tuple[Refusal, ...]] = (NOT_AUTHENTICATED, PAYMENT_REQUIRED, METHOD_NOT_ALLOWED, RATE_LIMITED)
_WRITE: Final[tuple[Refusal, ...]] = (*_READ, UNSUPPORTED_TYPE)
_FORMS: Final = "The body may also be a form with the same members."
_OFF: Final[Mapping[str, bool]] = dict.fromkeys(_SWITCHES, False)


def _site(domain: str = _DOMAIN, **settings: object) -> dict[str, Any]:
    """Return a site as an answer shows it."""
    configuration = {"id": "pa-YtR5PnA-7_kcDmqBRuVMv", "installation_type": None, **_OFF, **settings}
    return {
        "domain": domain,
        "timezone": "Etc/UTC",
        "custom_properties": [],
        "tracker_script_configuration": configuration,
    }


def _page(name: str, items: list[object]) -> dict[str, object]:
    return {name: items, "meta": {"after": None, "before": None, "limit": 100}}


LIST_SITES: Final = operation(
    operation_id="listSites",
    tag=TAG,
    summary="The sites that the caller may see",
    description="Newest first, those of all teams and those where the caller is a guest.",
    parameters=(
        *_PAGING,
        _TEAM,
        Parameter("domain", "query", _TEXT, "Sites whose domain contains this, in any case."),
        Parameter("timezone", "query", _TEXT, "Sites of this time zone."),
        Parameter("site_id", "query", _TEXT, "Checked like the site of any other request; the list stays as it is."),
    ),
    answers={
        200: Answer("A page of sites.", _list("sites", _object({"domain": _TEXT, "timezone": _TEXT}))),
        400: _WRONG,
    },
    refusals=_READ,
    examples=(
        Example(
            "byDomain",
            "Sites whose domain contains a word",
            _page("sites", [{"domain": _DOMAIN, "timezone": "Etc/UTC"}]),
            parameters={"domain": "SHOP"},
        ),
        Example(
            "noCursor",
            "A text that is no cursor",
            {"error": "after: is not a cursor of this list"},
            400,
            parameters={"after": "x"},
        ),
    ),
)
CREATE_SITE: Final = operation(
    operation_id="createSite",
    tag=TAG,
    summary="Create a site",
    description=f"In the key's team, the one of `team_id`, or the caller's own. Needs `sites:provision:*`. {_FORMS}",
    body={
        JSON: {
            "type": "object",
            "properties": {
                "domain": {"type": "string", "minLength": 1, "maxLength": 255},
                "timezone": {"type": "string", "default": "Etc/UTC", "description": "An IANA name."},
                "team_id": _TEXT,
                "tracker_script_configuration": _refer("TrackerSettings"),
            },
            "required": ["domain"],
        }
    },
    answers={
        200: Answer("The new site.", {JSON: _refer("Site")}),
        400: _WRONG,
        403: error("The key only reads, or the role in the team does not allow to add sites."),
        404: error("`site_id` was sent, and there is no such site."),
    },
    refusals=_WRITE,
    examples=(
        Example(
            "blog",
            "A site whose outbound links are counted",
            _site("blog.example", outbound_links=True),
            body={"domain": "blog.example", "tracker_script_configuration": {"outbound_links": True}},
        ),
        Example(
            "unknownZone",
            "A time zone that does not exist",
            {"error": "timezone: is invalid"},
            400,
            body={"domain": "blog.example", "timezone": "Mars/Base"},
        ),
    ),
)
LIST_TEAMS: Final = operation(
    operation_id="listTeams",
    tag=TAG,
    summary="The teams of which the caller is a member",
    description="Newest first. `api_available` tells whether the team's plan includes the Stats API.",
    parameters=_PAGING,
    answers={
        200: Answer(
            "A page of teams.",
            _list("teams", _object({"id": _TEXT, "name": _TEXT, "api_available": {"type": "boolean"}})),
        ),
        400: _WRONG,
    },
    refusals=_READ,
    examples=(
        Example(
            "teams",
            "The one team of a team's key",
            _page(
                "teams",
                [{"id": "1d3c1b0e-9b0c-4b1e-8f57-0c5a3c1c9a11", "name": "Société Réunie", "api_available": True}],
            ),
            parameters={"limit": 100},
        ),
    ),
)
SHOW_SITE: Final = operation(
    operation_id="showSite",
    tag=TAG,
    summary="A site with its settings",
    description="Any role on the site suffices but `billing`.",
    parameters=(_IN_PATH,),
    answers={200: Answer("The site.", {JSON: _refer("Site")}), 400: _WRONG, 404: _NO_SITE},
    refusals=_READ,
    examples=(
        Example("shop", "A site", _site(), parameters={"site_id": _DOMAIN}),
        Example(
            "unknownSite",
            "A site that does not exist",
            {"error": "Site not found"},
            404,
            parameters={"site_id": "nowhere.example"},
        ),
    ),
)
CHANGE_SITE: Final = operation(
    operation_id="changeSite",
    tag=TAG,
    summary="Change a site's domain or tracker settings",
    description=(
        f"At least one of them. The old domain goes on answering for 72 hours. Needs `sites:provision:*` and the role "
        f"{SITE_ROLES}. {_FORMS}"
    ),
    parameters=(_IN_PATH,),
    body={
        JSON: {
            "type": "object",
            "properties": {
                "domain": _TEXT_OR_NULL,
                "tracker_script_configuration": _refer("TrackerSettings"),
            },
            "minProperties": 1,
        }
    },
    answers={
        200: Answer("The site as it is now.", {JSON: _refer("Site")}),
        400: _WRONG,
        403: _ONLY_READS,
        404: _NO_SITE,
    },
    refusals=_WRITE,
    examples=(
        Example(
            "installation",
            "How the script is installed",
            _site(installation_type="wordpress"),
            parameters={"site_id": _DOMAIN},
            body={"tracker_script_configuration": {"installation_type": "wordpress"}},
        ),
        Example(
            "sameDomain",
            "The domain that the site has",
            {"error": "domain: is the domain that the site has"},
            400,
            parameters={"site_id": _DOMAIN},
            body={"domain": _DOMAIN},
        ),
    ),
)
_DELETED: Final = Answer("It is gone.", {JSON: _refer("Deleted")})
DELETE_SITE: Final = operation(
    operation_id="deleteSite",
    tag=TAG,
    summary="Delete a site and its statistics",
    description="The statistics are erased in the background. Needs `sites:provision:*` and the role owner.",
    parameters=(_IN_PATH,),
    answers={200: _DELETED, 400: _WRONG, 403: _ONLY_READS, 404: _NO_SITE},
    refusals=_WRITE,
    examples=(Example("shop", "Delete a site", {"deleted": True}, parameters={"site_id": _DOMAIN}),),
)
LIST_GOALS: Final = operation(
    operation_id="listGoals",
    tag=TAG,
    summary="The goals of a site",
    description="Newest first.",
    parameters=(_IN_QUERY, *_PAGING),
    answers={200: Answer("A page of goals.", _list("goals", _refer("SiteGoal"))), 400: _WRONG, 404: _NO_SITE},
    refusals=_READ,
    examples=(
        Example(
            "goals",
            "A site with one goal",
            _page(
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
            parameters={"site_id": _DOMAIN},
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
PROVIDE_GOAL: Final = operation(
    operation_id="provideGoal",
    tag=TAG,
    summary="Find or create a goal",
    description=(
        "The same configuration is the same goal. Goals with a currency or properties need the feature in the plan "
        f"of the site's team. Needs `sites:provision:*` and the role {SITE_ROLES}. {_FORMS}"
    ),
    body={
        JSON: {
            "type": "object",
            "properties": {
                "site_id": _NAME,
                "goal_type": {"enum": ["event", "page"]},
                "event_name": {**_TEXT_OR_NULL, "description": "For `event`, at most 120 characters."},
                "page_path": {**_TEXT_OR_NULL, "description": "For `page`; `*` is any text."},
                "display_name": {**_TEXT_OR_NULL, "description": "By default made of the event or the path."},
                "scroll_threshold": {
                    "type": ["integer", "null"],
                    "description": "Percent of the page that must be seen; makes a page goal a scroll goal.",
                },
                "currency": {**_TEXT_OR_NULL, "description": "ISO 4217; makes an event goal a revenue goal."},
                "custom_props": {
                    "type": "object",
                    "additionalProperties": _TEXT,
                    "description": "Properties that the event must have, at most three.",
                },
            },
            "required": ["site_id", "goal_type"],
        }
    },
    answers={
        200: Answer("The goal.", {JSON: _object({**_GOAL, "domain": _TEXT})}),
        400: _WRONG,
        403: _ONLY_READS,
        404: _NO_SITE,
    },
    refusals=_WRITE,
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
                "domain": _DOMAIN,
            },
            body={
                "site_id": _DOMAIN,
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
            body={"site_id": _DOMAIN, "goal_type": "page", "page_path": "/", "display_name": "Signup"},
        ),
    ),
)
DELETE_GOAL: Final = operation(
    operation_id="deleteGoal",
    tag=TAG,
    summary="Delete a goal",
    description=f"Needs `sites:provision:*` and the role {SITE_ROLES}. `site_id` may also stand in the body.",
    parameters=(Parameter("goal_id", "path", {"type": "integer"}, "The goal's number."), _IN_QUERY),
    answers={
        200: _DELETED,
        400: _WRONG,
        403: _ONLY_READS,
        404: error("There is no such site or goal, or the role does not suffice."),
    },
    refusals=_WRITE,
    examples=(
        Example("signup", "A goal", {"deleted": True}, parameters={"goal_id": 7000001, "site_id": _DOMAIN}),
        Example(
            "unknownGoal",
            "A goal that does not exist",
            {"error": "Goal not found"},
            404,
            parameters={"goal_id": 999999999, "site_id": _DOMAIN},
        ),
    ),
)
LIST_PROPS: Final = operation(
    operation_id="listCustomProperties",
    tag=TAG,
    summary="The custom properties of a site",
    description="All of them, by name.",
    parameters=(_IN_QUERY,),
    answers={
        200: Answer(
            "The properties.",
            {JSON: _object({"custom_properties": {"type": "array", "items": _object({"property": _TEXT})}})},
        ),
        400: _WRONG,
        404: _NO_SITE,
    },
    refusals=_READ,
    examples=(Example("none", "A site without any", {"custom_properties": []}, parameters={"site_id": _DOMAIN}),),
)
ENABLE_PROP: Final = operation(
    operation_id="enableCustomProperty",
    tag=TAG,
    summary="Show a custom property in reports",
    description=f"Needs `sites:provision:*`, the role {SITE_ROLES}, and the feature in the plan. {_FORMS}",
    body={JSON: _object({"site_id": _NAME, "property": _NAME})},
    answers={
        200: Answer("It is shown.", {JSON: _object({"created": {"const": True}})}),
        400: _WRONG,
        403: _ONLY_READS,
        404: _NO_SITE,
    },
    refusals=_WRITE,
    examples=(
        Example("plan", "A property", {"created": True}, body={"site_id": _DOMAIN, "property": "plan"}),
        Example(
            "propertyMissing",
            "No property is named",
            {"error": "property is missing: it is required and must be a text"},
            400,
            body={"site_id": _DOMAIN},
        ),
    ),
)
DISABLE_PROP: Final = operation(
    operation_id="disableCustomProperty",
    tag=TAG,
    summary="Take a custom property off the list",
    description=f"Also one that is not on it. Needs `sites:provision:*` and the role {SITE_ROLES}.",
    parameters=(Parameter("property", "path", _NAME, "Its name."), _IN_QUERY),
    answers={200: _DELETED, 400: _WRONG, 403: _ONLY_READS, 404: _NO_SITE},
    refusals=_WRITE,
    examples=(Example("plan", "A property", {"deleted": True}, parameters={"property": "plan", "site_id": _DOMAIN}),),
)
PROVIDE_LINK: Final = operation(
    operation_id="provideSharedLink",
    tag=TAG,
    summary="Find or create a shared link",
    description=f"Needs `sites:provision:*`, the role {SITE_ROLES}, and for a new link the feature. {_FORMS}",
    body={JSON: _object({"site_id": _NAME, "name": _NAME})},
    answers={
        200: Answer("The link.", {JSON: _object({"name": _TEXT, "url": _TEXT})}),
        400: _WRONG,
        403: _ONLY_READS,
        404: _NO_SITE,
    },
    refusals=_WRITE,
    examples=(
        Example(
            "board",
            "A link for the board",
            {"name": "Board", "url": "https://stats.example/share/shop.example?auth=ast--L0iOM_A6Y_GU1FM9"},
            body={"site_id": _DOMAIN, "name": "Board"},
        ),
        Example(
            "nameMissing",
            "No name",
            {"error": "name is missing: it is required and must be a text"},
            400,
            body={"site_id": _DOMAIN},
        ),
    ),
)
