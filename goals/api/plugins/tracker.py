"""The tracker configuration of the token's site (Plugins API contract, section 10)."""

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.types import SiteRef
from analytics_project.errors import InvalidFields
from goals.api.plugins.bodies import Body, body_of, check, object_in
from goals.api.plugins.failures import Fault
from goals.api.plugins.views import PluginsView
from goals.services import BLANK
from goals.tracker_services import check_tracker_values, configure_tracker, provide_tracker

CONFIGURATION: Final = "tracker_script_configuration"
SWITCHES: Final = ("hash_based_routing", "outbound_links", "file_downloads", "form_submissions")
KIND: Final = "installation_type"


class TrackerView(PluginsView):
    """`/tracker_script_configuration`."""

    def get(self, request: Request) -> Response:
        """Answer the configuration, made if there is none."""
        return Response(_shown(self.actor.site))

    def put(self, request: Request) -> Response:
        """Change the settings sent; switches that are left out stay."""
        configure_tracker(self.actor.site, _wanted(body_of(request)), who=self.actor)
        return Response(_shown(self.actor.site))


def _shown(site: SiteRef) -> dict[str, object]:
    fields = provide_tracker(site)
    shown = {"id": fields["id"], KIND: fields[KIND] or "manual", **{name: fields[name] for name in SWITCHES}}
    return {CONFIGURATION: shown}


def _wanted(body: Body) -> dict[str, object]:
    """Return the settings of a body that plugins may change. Raises: InvalidShape for all wrong ones."""
    faults: list[Fault] = []
    sent = object_in(body, CONFIGURATION, (), faults) or {}
    check(faults)
    values = {name: sent[name] for name in (KIND, *SWITCHES) if name in sent}
    if values.get(KIND) is None:
        faults.append(Fault((CONFIGURATION, KIND), BLANK))
    try:
        check_tracker_values(values)
    except InvalidFields as problem:
        faults += [Fault((CONFIGURATION, name), text) for name, texts in problem.errors.items() for text in texts]
    check(faults)
    return values
