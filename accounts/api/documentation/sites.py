"""Sites and teams, as clients are told of them (Sites API contract, section 3)."""

from collections.abc import Mapping
from typing import Any, Final

from accounts.api.documentation.operations import read_operation, write_operation
from accounts.api.documentation.shared import (
    DELETED,
    DOMAIN,
    FORMS,
    IN_PATH,
    PAGING,
    SITE_ROLES,
    SWITCHES,
    TEAM,
    TEAM_ID,
    TEXT,
    TEXT_OR_NULL,
    object_of,
    page_answer,
    page_example,
    refer,
)
from analytics_project.documentation import JSON, Answer, Example, Parameter, error

_OFF: Final[Mapping[str, bool]] = dict.fromkeys(SWITCHES, False)


def _site(domain: str = DOMAIN, **settings: object) -> dict[str, Any]:
    """Return a site as an answer shows it."""
    configuration = {"id": "pa-YtR5PnA-7_kcDmqBRuVMv", "installation_type": None, **_OFF, **settings}
    return {
        "domain": domain,
        "timezone": "Etc/UTC",
        "custom_properties": [],
        "tracker_script_configuration": configuration,
    }


LIST_SITES: Final = read_operation(
    operation_id="listSites",
    summary="The sites that the caller may see",
    description="Newest first, those of all teams and those where the caller is a guest.",
    parameters=(
        *PAGING,
        TEAM,
        Parameter("domain", "query", TEXT, "Sites whose domain contains this, in any case."),
        Parameter("timezone", "query", TEXT, "Sites of this time zone."),
        Parameter("site_id", "query", TEXT, "Checked like the site of any other request; the list stays as it is."),
    ),
    answer=Answer("A page of sites.", page_answer("sites", object_of({"domain": TEXT, "timezone": TEXT}))),
    not_found=None,
    examples=(
        Example(
            "byDomain",
            "Sites whose domain contains a word",
            page_example("sites", [{"domain": DOMAIN, "timezone": "Etc/UTC"}]),
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
CREATE_SITE: Final = write_operation(
    operation_id="createSite",
    summary="Create a site",
    description=f"In the key's team, the one of `team_id`, or the caller's own. Needs `sites:provision:*`. {FORMS}",
    body={
        "type": "object",
        "properties": {
            "domain": {"type": "string", "minLength": 1, "maxLength": 255},
            "timezone": {"type": "string", "default": "Etc/UTC", "description": "An IANA name."},
            "team_id": TEXT,
            "tracker_script_configuration": refer("TrackerSettings"),
        },
        "required": ["domain"],
    },
    answer=Answer("The new site.", {JSON: refer("Site")}),
    not_allowed=error("The key only reads, or the role in the team does not allow to add sites."),
    not_found=error("`site_id` was sent, and there is no such site."),
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
LIST_TEAMS: Final = read_operation(
    operation_id="listTeams",
    summary="The teams of which the caller is a member",
    description="Newest first. `api_available` tells whether the team's plan includes the Stats API.",
    parameters=(*PAGING, Parameter("name", "query", TEXT, "Teams whose name contains this, in any case.")),
    answer=Answer(
        "A page of teams.",
        page_answer("teams", object_of({"id": TEXT, "name": TEXT, "api_available": {"type": "boolean"}})),
    ),
    not_found=None,
    examples=(
        Example(
            "teams",
            "The one team of a team's key",
            page_example(
                "teams",
                [{"id": TEAM_ID, "name": "Société Réunie", "api_available": True}],
            ),
            parameters={"limit": 100, "name": "réunie"},
        ),
    ),
)
SHOW_SITE: Final = read_operation(
    operation_id="showSite",
    summary="A site with its settings",
    description="Any role on the site suffices but `billing`.",
    parameters=(IN_PATH,),
    answer=Answer("The site.", {JSON: refer("Site")}),
    examples=(
        Example("shop", "A site", _site(), parameters={"site_id": DOMAIN}),
        Example(
            "unknownSite",
            "A site that does not exist",
            {"error": "Site not found"},
            404,
            parameters={"site_id": "nowhere.example"},
        ),
    ),
)
CHANGE_SITE: Final = write_operation(
    operation_id="changeSite",
    summary="Change a site's domain or tracker settings",
    description=(
        f"At least one of them. The old domain goes on answering for 72 hours. Needs `sites:provision:*` and the role "
        f"{SITE_ROLES}. {FORMS}"
    ),
    parameters=(IN_PATH,),
    body={
        "type": "object",
        "properties": {
            "domain": TEXT_OR_NULL,
            "tracker_script_configuration": refer("TrackerSettings"),
        },
        "minProperties": 1,
    },
    answer=Answer("The site as it is now.", {JSON: refer("Site")}),
    examples=(
        Example(
            "installation",
            "How the script is installed",
            _site(installation_type="wordpress"),
            parameters={"site_id": DOMAIN},
            body={"tracker_script_configuration": {"installation_type": "wordpress"}},
        ),
        Example(
            "sameDomain",
            "The domain that the site has",
            {"error": "domain: is the domain that the site has"},
            400,
            parameters={"site_id": DOMAIN},
            body={"domain": DOMAIN},
        ),
    ),
)
DELETE_SITE: Final = write_operation(
    operation_id="deleteSite",
    summary="Delete a site and its statistics",
    description="The statistics are erased in the background. Needs `sites:provision:*` and the role owner.",
    parameters=(IN_PATH,),
    answer=DELETED,
    examples=(Example("shop", "Delete a site", {"deleted": True}, parameters={"site_id": DOMAIN}),),
)
