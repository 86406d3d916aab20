"""The OpenAPI document of everything that is routed to clients, and the page to browse it; both without a key.

Operations of REST framework's views are found through the routes, the others are named in `OUTSIDE_REST_FRAMEWORK`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation import shared as sites
from analytics_project.api import OrjsonRenderer
from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    PUBLIC,
    Answer,
    Operation,
    Parameter,
    Schema,
    documented,
    error,
    operation,
    shared_components,
)
from analytics_project.errors import InvalidRequest
from analytics_project.views import ApiView
from goals.api.documentation import goals
from goals.api.documentation import shared as goals_revenue
from stats.api.documentation import analyses, events, funnels, imports, journeys, retention, v2

YAML: Final = "application/yaml"
FORMATS: Final = ("json", "yaml")
PLUGINS_API: Final = "/api/plugins/v1/"  # described by `goals.api.plugins.specification`
OUTSIDE_REST_FRAMEWORK: Final[Mapping[str, Mapping[str, Operation]]] = events.PATHS
SCHEMAS: Final[Mapping[str, Schema]] = {
    name: schema
    for described in (sites, events, imports, v2, goals, analyses, funnels, retention, journeys)
    for name, schema in described.SCHEMAS.items()
}

Endpoint = tuple[str, str, str, Any]

_SCHEMA_OPERATION: Final = operation(
    operation_id="openapiDocument",
    tag="Operation",
    summary="This document",
    description="OpenAPI 3.1, as JSON unless `Accept` or `format` asks for YAML.",
    security=PUBLIC,
    parameters=(Parameter("format", "query", {"type": "string", "enum": list(FORMATS)}, "Goes before `Accept`."),),
    answers={
        200: Answer("The document.", {JSON: {"type": "object"}, YAML: {"type": "object"}}),
        400: error("`format` is neither `json` nor `yaml`."),
        406: error("`Accept` names neither JSON nor YAML."),
    },
    refusals=(METHOD_NOT_ALLOWED,),
)
_PAGE_OPERATION: Final = operation(
    operation_id="referencePage",
    tag="Operation",
    summary="The reference to browse",
    description="This document as a page. Everything that it needs comes from this server.",
    security=PUBLIC,
    answers={200: Answer("The page.", {"text/html": {"type": "string"}})},
    refusals=(METHOD_NOT_ALLOWED,),
)


def without_plugins_api(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Return the endpoints without those that have a document of their own."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith(PLUGINS_API)]


def without_trailing_slashes(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Return the endpoints with their canonical paths: routes tolerate a slash at the end, the document has none."""
    return [(path.rstrip("/"), pattern, method, view) for path, pattern, method, view in endpoints]


def with_everything_else(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Return the generated document with the endpoints outside REST framework and with what operations refer to."""
    paths = {**result["paths"], **OUTSIDE_REST_FRAMEWORK}
    components = result.setdefault("components", {})
    for kind, named in (("schemas", SCHEMAS), *shared_components(goals_revenue.REFUSALS).items()):
        components[kind] = dict(sorted({**components.get(kind, {}), **named}.items()))
    return {**result, "paths": dict(sorted(paths.items()))}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the whole document; it depends on the code alone, so it is made once."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


class YamlRenderer(BaseRenderer):
    media_type = YAML
    format = "yaml"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return `data` as YAML, without anchors."""
        return yaml.dump(data, Dumper=_WithoutAnchors, sort_keys=False, allow_unicode=True).encode()


class _WithoutAnchors(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write values that occur twice twice."""
        return True


class DocumentView(ApiView):
    """`GET /api/schema`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (OrjsonRenderer, YamlRenderer)

    @documented(_SCHEMA_OPERATION)
    def get(self, request: Request) -> Response:
        """Answer the OpenAPI document. Raises: InvalidRequest for an unknown `format`."""
        asked = request.query_params.get("format")
        if asked not in {None, *FORMATS}:
            raise InvalidRequest(
                f"format: {asked!r} is not a format; use {' or '.join(FORMATS)}", code="invalid_format"
            )
        return Response(document())

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Return the renderer that `format` names, without it the one that `Accept` wants. Raises: NotAcceptable."""
        asked = request.query_params.get("format")
        for renderer in self.get_renderers():
            if renderer.format == asked:
                return renderer, renderer.media_type
        chosen: tuple[BaseRenderer, str] = super().perform_content_negotiation(request, force)
        return chosen


class ReferenceView(ApiView, SpectacularSwaggerView):
    """`GET /api/docs`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    url = "/api/schema"

    @documented(_PAGE_OPERATION)
    def get(self, request: Request) -> Response:
        """Answer the page."""
        page: Response = super().get(request)  # type: ignore[no-untyped-call]
        return page
