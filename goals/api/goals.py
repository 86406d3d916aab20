"""Goals of a site over the Goals & Revenue API: E1 to E3 of the revenue contract, and a goal's breakdown (3.4)."""

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.documentation import documented
from analytics_project.errors import InvalidRequest, NotFound
from goals.api.bodies import Fields, is_plain, json_object
from goals.api.documentation.goals import BREAKDOWN, COMPLETIONS, GOALS, NEW_COMPLETION
from goals.api.goal_filters import SPLIT_BY, filters_in
from goals.api.paths import text_in_path
from goals.api.present_goals import breakdown_rows, completion_rows, goal_rows
from goals.api.requests import GoalsRevenueView, Parameters, enveloped, meta_of
from goals.api.windows import Window
from goals.completion_services import RESERVED_NAMES, Completion, record_completion
from goals.conversion_services import (
    Span,
    completions_of,
    conversions_by,
    conversions_by_goal,
    goal_named,
    totals_of,
)
from goals.selectors import goal_specs
from goals.types import GoalSpec

MAX_NAME_CHARACTERS: Final = 120
MAX_URL_CHARACTERS: Final = 2_000
MAX_KEY_CHARACTERS: Final = 255
_PREFIX: Final = "/api/v1/goals/"


class GoalsView(GoalsRevenueView):
    """`/api/v1/goals`."""

    @documented(GOALS)
    def get(self, request: Request) -> Response:
        """Answer the site's goals with what they came to in a window."""
        site = self.site(request)
        asked = Parameters(request)
        window, limit, offset = asked.window(), asked.limit, asked.offset
        include, filters = asked.include(), filters_in(asked)
        found = conversions_by_goal(site, Span(window.stored(), filters))
        page = slice(offset, offset + limit)
        meta = meta_of(request, window)
        if "meta" in include:
            meta |= extra_meta(site, window, visitors=found.visitors, total=len(found.rows))
        body = enveloped(goal_rows(found.rows[page]), meta)
        if "previous" in include:
            before = conversions_by_goal(site, Span(earlier(window).stored(), filters))
            body["previous"] = goal_rows(before.rows[page])
        return Response(body)

    @documented(NEW_COMPLETION)
    def post(self, request: Request) -> Response:
        """Take one completion: 201, or 200 where its Idempotency-Key says that it was taken before."""
        site = self.site(request)
        fields = Fields(json_object(request))
        wanted = Completion(
            name=_name_in(fields),
            visitor_id=fields.visitor_id(),
            url=_url_in(fields),
            metadata=fields.metadata(),
            at=fields.moment("timestamp", clock.now()),
        )
        key = _idempotency_key(request)
        fields.check()
        created = record_completion(site, wanted, idempotency_key=key, who=actor_of(request))
        results = {"created": created, "goal_name": wanted.name}
        return Response(enveloped(results, meta_of(request)), status=201 if created else 200)


class CompletionsView(GoalsRevenueView):
    """`/api/v1/goals/{name}/completions`."""

    @documented(COMPLETIONS)
    def get(self, request: Request, name: str) -> Response:
        """Answer the completions of a goal, newest first."""
        site = self.site(request)
        asked = Parameters(request)
        window, limit, offset = asked.window(), asked.limit, asked.offset
        include, span = asked.include(), Span(window.stored(), filters_in(asked))
        goal_name = text_in_path(request, name, _PREFIX, "/completions", what="Goal")
        goal = _goal_of(site, goal_name)
        page = completions_of(site, span, goal, limit=limit, offset=offset)
        meta = {"site_id": request.query_params["site_id"], "goal_name": goal_name, **meta_of(request, window)}
        meta["limit"] = limit
        if asked.text("offset") is not None:
            meta["offset"] = offset
        if "meta" in include:
            total, visitors = totals_of(site, span, goal)
            meta |= extra_meta(site, window, visitors=visitors, total=total)
        body = enveloped(completion_rows(page), meta)
        if "previous" in include:
            before = Span(earlier(window).stored(), span.filters)
            body["previous"] = completion_rows(completions_of(site, before, goal, limit=limit, offset=offset))
        return Response(body)


class BreakdownView(GoalsRevenueView):
    """`/api/v1/goals/{name}/breakdown`."""

    @documented(BREAKDOWN)
    def get(self, request: Request, name: str) -> Response:
        """Answer what a goal came to by the values of a dimension."""
        site = self.site(request)
        asked = Parameters(request)
        window, limit, offset = asked.window(), asked.limit, asked.offset
        dimension = asked.one_of("dimension", "source", SPLIT_BY)
        span = Span(window.stored(), filters_in(asked))
        goal_name = text_in_path(request, name, _PREFIX, "/breakdown", what="Goal")
        found = conversions_by(site, span, _goal_of(site, goal_name), SPLIT_BY[dimension])
        meta = {"site_id": request.query_params["site_id"], "goal_name": goal_name, **meta_of(request, window)}
        meta |= {"timezone": window.timezone, "dimension": dimension, "total": len(found.rows)}
        meta |= {"limit": limit, "offset": offset}
        return Response(enveloped(breakdown_rows(dimension, found.rows[offset : offset + limit]), meta))


def extra_meta(site: SiteRef, window: Window, *, visitors: int, total: int) -> dict[str, object]:
    """Return what `include=meta` adds (1.12)."""
    return {"timezone": window.timezone, "currency": site.currency, "unique_visitors": visitors, "total": total}


def earlier(window: Window) -> Window:
    """Return the window before. Raises: InvalidRequest where there is none."""
    before = window.previous
    if before is None:
        raise InvalidRequest("include: there is no window before this one")
    return before


def _goal_of(site: SiteRef, name: str) -> GoalSpec:
    goal = goal_named(goal_specs(site), name)
    if goal is None:
        raise NotFound("Goal not found")
    return goal


def _name_in(fields: Fields) -> str:
    name = fields.text("name", MAX_NAME_CHARACTERS, required=True)
    if name in RESERVED_NAMES:
        fields.refuse("name", f"{name} is reserved")
    return name


def _url_in(fields: Fields) -> str:
    url = fields.text("url", MAX_URL_CHARACTERS)
    scheme, separator, rest = url.partition("://")
    if url and (scheme.lower() not in {"http", "https"} or not separator or rest[:1] in {"", "/", "?", "#"}):
        fields.refuse("url", "must be an absolute http or https URL")
    return url


def _idempotency_key(request: Request) -> str:
    """Return the client's name of this request, empty without one. Raises: InvalidRequest for one that is none."""
    key: str | None = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not 1 <= len(key.strip()) <= MAX_KEY_CHARACTERS or not is_plain(key):
        raise InvalidRequest(f"Idempotency-Key must have 1 to {MAX_KEY_CHARACTERS} characters")
    return key.strip()
