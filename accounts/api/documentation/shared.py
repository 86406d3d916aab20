"""What several operations of the Sites API say in the same words: schemas, parameters, refusals."""

from collections.abc import Iterable, Mapping
from typing import Final

from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    NOT_AUTHENTICATED,
    PAYMENT_REQUIRED,
    RATE_LIMITED,
    UNSUPPORTED_TYPE,
    Answer,
    Parameter,
    Refusal,
    Schema,
    error,
)

TAG: Final = "Sites"
SITE_ROLES: Final = "owner, admin or editor"

TEXT: Final[Schema] = {"type": "string"}
NAME: Final[Schema] = {"type": "string", "minLength": 1}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
SWITCHES: Final = (
    "track_404_pages",
    "hash_based_routing",
    "outbound_links",
    "file_downloads",
    "revenue_tracking",
    "tagged_events",
    "form_submissions",
    "pageview_props",
)


def object_of(members: Mapping[str, Schema], required: Iterable[str] | None = None) -> Schema:
    """Return the schema of an object of these members and no others, all of them required unless said otherwise."""
    needed = list(members) if required is None else list(required)
    return {"type": "object", "properties": dict(members), "required": needed, "additionalProperties": False}


def refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def page_answer(name: str, item: Schema) -> Mapping[str, Schema]:
    return {JSON: object_of({name: {"type": "array", "items": item}, "meta": refer("PageMeta")})}


_TRACKER_SETTINGS: Final[Mapping[str, Schema]] = {
    "installation_type": {"enum": ["manual", "wordpress", "gtm", "npm", None]},
    **{name: {"type": "boolean"} for name in SWITCHES},
}
GOAL: Final[Mapping[str, Schema]] = {
    "id": {"type": "integer"},
    "display_name": TEXT,
    "goal_type": {"enum": ["event", "page", "scroll"]},
    "event_name": TEXT_OR_NULL,
    "page_path": TEXT_OR_NULL,
    "custom_props": {"type": "object", "additionalProperties": TEXT},
}
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Site": object_of(
        {
            "domain": TEXT,
            "timezone": TEXT,
            "custom_properties": {"type": "array", "items": TEXT},
            "tracker_script_configuration": object_of({"id": TEXT, **_TRACKER_SETTINGS}),
        }
    ),
    "TrackerSettings": {
        "type": ["object", "null"],
        "properties": dict(_TRACKER_SETTINGS),
        "description": "What the tracker script of this site does; members that are left out stay as they are.",
    },
    "SiteGoal": object_of(GOAL),
    "PageMeta": {
        **object_of({"after": TEXT_OR_NULL, "before": TEXT_OR_NULL, "limit": {"type": "integer"}}),
        "description": "Cursors of the next and the previous page; null where there is none.",
    },
    "Deleted": object_of({"deleted": {"const": True}}),
}

DOMAIN: Final = "shop.example"
TEAM_ID: Final = "1d3c1b0e-9b0c-4b1e-8f57-0c5a3c1c9a11"
IN_PATH: Final = Parameter("site_id", "path", NAME, "The site's domain or public id.")
IN_QUERY: Final = Parameter("site_id", "query", NAME, "The site's domain or public id.", required=True)
PAGING: Final = (
    Parameter("limit", "query", {"type": "integer"}, "Items on a page, 1 to 100; anything else means 100."),
    Parameter("after", "query", TEXT, "The cursor `meta.after` of the page before."),
    Parameter("before", "query", TEXT, "The cursor `meta.before` of the page after."),
)
TEAM: Final = Parameter("team_id", "query", TEXT, "This team only; a key of a team knows its own alone.")
NO_SITE: Final = error("There is no such site, or the role of the key's owner does not suffice.")
WRONG: Final = error("A parameter is missing or wrong; the sentence names it.")
ONLY_READS: Final = error("The key only reads.")
READ: Final[tuple[Refusal, ...]] = (NOT_AUTHENTICATED, PAYMENT_REQUIRED, METHOD_NOT_ALLOWED, RATE_LIMITED)
WRITE: Final[tuple[Refusal, ...]] = (*READ, UNSUPPORTED_TYPE)
DELETED: Final = Answer("It is gone.", {JSON: refer("Deleted")})
FORMS: Final = "The body may also be a form with the same members."


def page_example(name: str, items: list[object]) -> dict[str, object]:
    return {name: items, "meta": {"after": None, "before": None, "limit": 100}}
