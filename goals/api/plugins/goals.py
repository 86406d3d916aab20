"""Goals of the token's site (Plugins API contract, section 6)."""

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.errors import NotFound
from goals.api.plugins.bodies import body_of, check, id_in_path, list_in
from goals.api.plugins.failures import INVALID, Fault
from goals.api.plugins.goal_forms import MAX_GOALS_AT_ONCE, goal_shown, wanted_goals
from goals.api.plugins.pages import WHOLE, page
from goals.api.plugins.views import PluginsView
from goals.selectors import goal_fields, goal_of, goals_listed
from goals.services import delete_goals, provide_goals


class GoalsView(PluginsView):
    """`/goals`."""

    def get(self, request: Request) -> Response:
        """List goals, newest first."""
        goals, meta = page(request, goals_listed(self.actor.site.id), "goal", self.base)
        return Response({"goals": [goal_shown(goal_fields(goal)) for goal in goals], "meta": meta})

    def put(self, request: Request) -> Response:
        """Find or create one goal, or up to eight: all or none."""
        goals = provide_goals(self.actor.site, wanted_goals(body_of(request)), self.actor.features, who=self.actor)
        body = {"goals": [goal_shown(goal) for goal in goals], "meta": WHOLE}
        return self.created(body, *(f"/goals/{goal.id}" for goal in goals))

    def delete(self, request: Request) -> Response:
        """Delete up to eight goals; those that the site does not have are no error."""
        faults: list[Fault] = []
        ids = list_in(body_of(request), "goal_ids", (), faults, least=1, most=MAX_GOALS_AT_ONCE)
        numbers = [one for one in ids if isinstance(one, int) and not isinstance(one, bool)]
        if len(numbers) < len(ids):
            faults.append(Fault(("goal_ids",), INVALID))
        check(faults)
        delete_goals(self.actor.site, numbers, who=self.actor)
        return Response(status=204)


class OneGoalView(PluginsView):
    """`/goals/{id}`."""

    def get(self, request: Request, goal_id: str) -> Response:
        """Answer one goal. Raises: NotFound."""
        goal = goal_of(self.actor.site.id, id_in_path(goal_id))
        if goal is None:
            raise NotFound("Goal not found")
        return Response(goal_shown(goal))

    def delete(self, request: Request, goal_id: str) -> Response:
        """Delete one goal; one that the site does not have is no error."""
        delete_goals(self.actor.site, [id_in_path(goal_id)], who=self.actor)
        return Response(status=204)
