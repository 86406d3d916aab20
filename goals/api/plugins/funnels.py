"""Funnels of the token's site (Plugins API contract, section 9)."""

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.errors import NotFound
from goals.api.plugins.bodies import Body, body_of, check, id_in_path, list_in, object_in, text_in
from goals.api.plugins.failures import Fault
from goals.api.plugins.goal_forms import goal_shown, new_goal
from goals.api.plugins.pages import page
from goals.api.plugins.views import PluginsView
from goals.funnel_services import provide_funnel
from goals.selectors import funnel_fields, funnel_of, funnels_listed
from goals.services import NewGoal
from goals.types import MAX_FUNNEL_STEPS, MIN_FUNNEL_STEPS, FunnelFields


class FunnelsView(PluginsView):
    """`/funnels`."""

    def get(self, request: Request) -> Response:
        """List funnels, newest first."""
        funnels, meta = page(request, funnels_listed(self.actor.site.id), "funnel", self.base)
        return Response({"funnels": [_shown(funnel_fields(funnel)) for funnel in funnels], "meta": meta})

    def put(self, request: Request) -> Response:
        """Find the funnel of this name, or create it with its goals."""
        name, steps = _wanted(body_of(request))
        funnel = provide_funnel(self.actor.site, name, steps, self.actor.features, who=self.actor)
        return self.created(_shown(funnel), f"/funnels/{funnel.id}")


class OneFunnelView(PluginsView):
    """`/funnels/{id}`."""

    def get(self, request: Request, funnel_id: str) -> Response:
        """Answer one funnel. Raises: NotFound."""
        funnel = funnel_of(self.actor.site.id, id_in_path(funnel_id))
        if funnel is None:
            raise NotFound("Funnel not found")
        return Response(_shown(funnel))


def _shown(funnel: FunnelFields) -> dict[str, object]:
    steps = [goal_shown(goal) for goal in funnel.steps]
    return {"funnel": {"id": funnel.id, "name": funnel.name, "steps": steps}}


def _wanted(body: Body) -> tuple[str, list[NewGoal]]:
    """Return name and steps. Raises: InvalidShape."""
    faults: list[Fault] = []
    sent = object_in(body, "funnel", (), faults) or {}
    check(faults)
    here = ("funnel",)
    name = text_in(sent, "name", here, faults)
    items = list_in(sent, "steps", here, faults, least=MIN_FUNNEL_STEPS, most=MAX_FUNNEL_STEPS)
    steps = [new_goal(item, (*here, "steps", position), faults) for position, item in enumerate(items)]
    check(faults)
    return name, steps
