"""The OpenAPI document of the Plugins API, and the page to browse it; both without a token (contract, section 11)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    PUBLIC,
    Answer,
    Operation,
    documented,
    error,
    operation,
)
from analytics_project.views import ApiView
from goals.api.plugins.documentation import goals, site
from goals.api.plugins.documentation.schemas import SCHEMAS
from goals.api.plugins.views import ROOT, base_of

VERSION: Final = "1.0-rc"
DOCUMENT_PATH: Final = "/api/plugins/spec/openapi"
OPERATIONS: Final[Mapping[str, Mapping[str, Operation]]] = {
    "/capabilities": {"get": site.CAPABILITIES},
    "/custom_props": {"put": goals.ENABLE_PROPS, "delete": goals.DISABLE_PROPS},
    "/funnels": {"get": site.LIST_FUNNELS, "put": site.PROVIDE_FUNNEL},
    "/funnels/{funnel_id}": {"get": site.GET_FUNNEL},
    "/goals": {"get": goals.LIST_GOALS, "put": goals.PROVIDE_GOALS, "delete": goals.DELETE_GOALS},
    "/goals/{goal_id}": {"get": goals.GET_GOAL, "delete": goals.DELETE_GOAL},
    "/shared_links": {"get": site.LIST_LINKS, "put": site.PROVIDE_LINK},
    "/shared_links/{link_id}": {"get": site.GET_LINK},
    "/tracker_script_configuration": {"get": site.GET_TRACKER, "put": site.CONFIGURE_TRACKER},
}
_DOCUMENT_OPERATION: Final = operation(
    operation_id="pluginsDocument",
    tag="Operation",
    summary="The document of the Plugins API",
    description="OpenAPI 3.1, as JSON. The Plugins API has tokens of its own, one for each site.",
    security=PUBLIC,
    answers={
        200: Answer("The document.", {JSON: {"type": "object"}}),
        406: error("`Accept` excludes JSON."),
    },
    refusals=(METHOD_NOT_ALLOWED,),
)
_PAGE_OPERATION: Final = operation(
    operation_id="pluginsReferencePage",
    tag="Operation",
    summary="The reference of the Plugins API to browse",
    description="That document as a page. Everything that it needs comes from this server.",
    security=PUBLIC,
    answers={200: Answer("The page.", {"text/html": {"type": "string"}})},
    refusals=(METHOD_NOT_ALLOWED,),
)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the whole document but for its server, which only a request can tell."""
    paths = {ROOT + path: dict(methods) for path, methods in OPERATIONS.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Footfall Plugins API",
            "version": VERSION,
            "description": (
                "What a plugin does on the one site that its token opens. The token is the password of Basic, with any "
                "user, or is sent as Bearer; refusals then have the shape of Plausible's reference. Records are found "
                "or created by the same request, again and again."
            ),
        },
        "tags": [
            {"name": name} for name in sorted({one["tags"][0] for path in paths.values() for one in path.values()})
        ],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                "basic_auth": {"type": "http", "scheme": "basic", "description": "Any user; the token as password."},
                "bearer_auth": {"type": "http", "scheme": "bearer", "description": "The token."},
            },
        },
    }


class DocumentView(ApiView):
    """`GET /api/plugins/spec/openapi`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @documented(_DOCUMENT_OPERATION)
    def get(self, request: Request) -> Response:
        """Answer the document with this server in it."""
        return Response({**document(), "servers": [{"url": base_of(request)}]})


class ReferenceView(ApiView, SpectacularSwaggerView):
    """`GET /api/plugins/spec/swagger-ui`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    url = DOCUMENT_PATH
    title = "Footfall Plugins API"

    @documented(_PAGE_OPERATION)
    def get(self, request: Request) -> Response:
        """Answer the page."""
        page: Response = super().get(request)  # type: ignore[no-untyped-call]
        return page
