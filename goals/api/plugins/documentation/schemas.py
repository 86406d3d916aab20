"""Schemas of the Plugins API, by the titles that generated clients know (Plugins API contract, section 11)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from accounts.types import Feature
from analytics_project.documentation import Schema
from goals.api.plugins.goal_forms import CUSTOM_EVENT, GOAL_TYPES, MAX_GOALS_AT_ONCE, PAGEVIEW, REVENUE
from goals.api.plugins.tracker import CONFIGURATION, KIND, SWITCHES
from goals.types import (
    MAX_CUSTOM_PROPS,
    MAX_FUNNEL_STEPS,
    MAX_PROP_NAME_CHARACTERS,
    MAX_PROP_VALUE_CHARACTERS,
    MIN_FUNNEL_STEPS,
)

TEXT: Final[Schema] = {"type": "string"}
ID: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
PROPS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}


def refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(name: str, **bounds: int) -> Schema:
    """Return the schema of a list of a named schema's values."""
    return {"type": "array", "items": refer(name), **bounds}


def shown(members: Mapping[str, Schema], required: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the schema of an object that this API answers: these members and no others."""
    needed = list(members) if required is None else list(required)
    return {"type": "object", "properties": dict(members), "required": needed, "additionalProperties": False}


def sent(members: Mapping[str, Schema], required: Iterable[str]) -> dict[str, Any]:
    """Return the schema of an object that clients send; members beyond these are ignored."""
    return {"type": "object", "properties": dict(members), "required": list(required)}


def by_type(prefix: str) -> dict[str, Any]:
    """Return the choice among the three kinds of goals whose schemas have this prefix."""
    names = {kind: prefix + kind.removeprefix("Goal") for kind in GOAL_TYPES}
    mapping = {kind: f"#/components/schemas/{name}" for kind, name in names.items()}
    return {
        "oneOf": [refer(name) for name in names.values()],
        "discriminator": {"propertyName": "goal_type", "mapping": mapping},
    }


def _goal(kind: str, **members: Schema) -> Schema:
    goal = shown({"id": ID, "display_name": TEXT, **members, "custom_props": PROPS})
    return shown({"goal_type": {"const": kind}, "goal": goal})


def _new_goal(kind: str, **members: Schema) -> Schema:
    goal = sent({**members, "custom_props": _NEW_PROPS}, members)
    return sent({"goal_type": {"const": kind}, "goal": goal}, ("goal_type", "goal"))


def _page_of(records: str, name: str) -> Schema:
    return shown({records: listed(name), "meta": shown({"pagination": refer("PaginationMetadata")})})


def _failure(description: str) -> Schema:
    return {"description": description, **refer("Error")}


_NEW_PROPS: Final[Schema] = {
    "type": "object",
    "maxProperties": MAX_CUSTOM_PROPS,
    "propertyNames": {"minLength": 1, "maxLength": MAX_PROP_NAME_CHARACTERS},
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_PROP_VALUE_CHARACTERS},
    "description": "Properties that the event or the view must have.",
}
_EVENT_NAME: Final[Schema] = {"type": "string", "description": "1 to 120 characters without the blanks around them."}
_PATH: Final[Schema] = {"type": "string", "description": "`*` and `**` stand for any text; a slash is put in front."}
_CURRENCY: Final[Schema] = {"type": "string", "description": "ISO 4217, upper case.", "pattern": "^[A-Z]{3}$"}
_KINDS: Final[Schema] = {"enum": ["manual", "wordpress", "gtm", "npm"]}
_FLAGS: Final = dict.fromkeys(SWITCHES, FLAG)
_PROP: Final[Schema] = sent({"custom_prop": sent({"key": TEXT}, ["key"])}, ["custom_prop"])
_LINK: Final = {"id": ID, "name": TEXT, "password_protected": FLAG, "href": {"type": "string", "format": "uri"}}

_GOALS: Final[dict[str, Schema]] = {
    "Goal": by_type("Goal"),
    "Goal.Type": {"enum": list(GOAL_TYPES)},
    "Goal.CustomEvent": _goal(CUSTOM_EVENT, event_name=TEXT),
    "Goal.Revenue": _goal(REVENUE, event_name=TEXT, currency=TEXT),
    "Goal.Pageview": _goal(PAGEVIEW, path=TEXT),
    "Goal.ListResponse": _page_of("goals", "Goal"),
    "Goal.DeleteBulkRequest": sent(
        {"goal_ids": {"type": "array", "items": ID, "minItems": 1, "maxItems": MAX_GOALS_AT_ONCE}}, ["goal_ids"]
    ),
    "Goal.CreateRequest": by_type("Goal.CreateRequest"),
    "Goal.CreateRequest.CustomEvent": _new_goal(CUSTOM_EVENT, event_name=_EVENT_NAME),
    "Goal.CreateRequest.Revenue": _new_goal(REVENUE, event_name=_EVENT_NAME, currency=_CURRENCY),
    "Goal.CreateRequest.Pageview": _new_goal(PAGEVIEW, path=_PATH),
    "Goal.CreateRequest.BulkGetOrCreate": sent(
        {"goals": listed("Goal.CreateRequest", minItems=1, maxItems=MAX_GOALS_AT_ONCE)}, ["goals"]
    ),
}
_PROPS: Final[dict[str, Schema]] = {
    "CustomProp": shown({"custom_prop": shown({"key": TEXT})}),
    "CustomProp.ListResponse": shown({"custom_props": listed("CustomProp")}),
    **{
        f"CustomProp.{verb}Request{bulk}": sent({"custom_props": listed("CustomProp", minItems=1)}, ["custom_props"])
        if bulk
        else _PROP
        for verb in ("Enable", "Disable")
        for bulk in ("", f".Bulk{verb}")
    },
}
_LINKS: Final[dict[str, Schema]] = {
    "SharedLink": shown({"shared_link": shown(_LINK)}),
    "SharedLink.CreateRequest": sent(
        {"shared_link": sent({"name": TEXT, "password": {"type": ["string", "null"]}}, ["name"])}, ["shared_link"]
    ),
    "SharedLink.ListResponse": _page_of("shared_links", "SharedLink"),
}
_FUNNELS: Final[dict[str, Schema]] = {
    "Funnel": shown({"funnel": shown({"id": ID, "name": TEXT, "steps": listed("Goal")})}),
    "Funnel.CreateRequest": sent(
        {
            "funnel": sent(
                {
                    "name": {"type": "string", "minLength": 1, "maxLength": 255},
                    "steps": listed("Goal.CreateRequest", minItems=MIN_FUNNEL_STEPS, maxItems=MAX_FUNNEL_STEPS),
                },
                ["name", "steps"],
            )
        },
        ["funnel"],
    ),
    "Funnel.ListResponse": _page_of("funnels", "Funnel"),
}
_TRACKER: Final[dict[str, Schema]] = {
    "TrackerScriptConfiguration": shown({CONFIGURATION: shown({"id": TEXT, KIND: _KINDS, **_FLAGS})}),
    "TrackerScriptConfiguration.UpdateRequest": sent(
        {CONFIGURATION: sent({KIND: _KINDS, **_FLAGS}, [KIND])}, [CONFIGURATION]
    ),
}
_REST: Final[dict[str, Schema]] = {
    "Capabilities": shown(
        {
            "authorized": FLAG,
            "data_domain": {"type": ["string", "null"]},
            "features": shown({feature.short_name: FLAG for feature in Feature}),
        }
    ),
    "Link": shown({"url": {"type": "string", "format": "uri"}}),
    "PaginationMetadata": shown(
        {
            "has_next_page": FLAG,
            "has_prev_page": FLAG,
            "links": shown({"next": refer("Link"), "prev": refer("Link")}, required=()),
        }
    ),
    "Error": {
        "description": "A list of sentences; for `Authorization: Bearer` one sentence.",
        "anyOf": [
            shown({"errors": {"type": "array", "items": sent({"detail": TEXT}, ["detail"]), "minItems": 1}}),
            shown({"error": TEXT}),
        ],
    },
    "NotFoundError": _failure("The token's site has no such record."),
    "UnauthorizedError": _failure("The token is missing or unknown."),
    "PaymentRequiredError": _failure("The plan of the site's team lacks the feature that the sentence names."),
    "UnprocessableEntityError": {
        "description": "What is wrong, with its field; for `Authorization: Bearer` sentences by field.",
        "anyOf": [
            refer("Error"),
            shown({"errors": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}}}),
        ],
    },
}
SCHEMAS: Final[Mapping[str, Schema]] = {
    name: {"title": name, **schema}
    for name, schema in sorted({**_GOALS, **_PROPS, **_LINKS, **_FUNNELS, **_TRACKER, **_REST}.items())
}
