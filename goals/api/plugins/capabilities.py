"""What the token opens (Plugins API contract, section 5)."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.types import Feature, PluginsActor
from goals.api.plugins.authentication import OptionalTokenAuthentication
from goals.api.plugins.views import PluginsView


class CapabilitiesView(PluginsView):
    """`GET /capabilities`."""

    authentication_classes = (OptionalTokenAuthentication,)

    def get(self, request: Request) -> Response:
        """Answer which site the token opens, and what its plan has; nothing of it to whoever has no token."""
        actor = request.auth if isinstance(request.auth, PluginsActor) else None
        features = {one.short_name: actor is not None and one in actor.features for one in Feature}
        return Response(
            {
                "authorized": actor is not None,
                "data_domain": None if actor is None else actor.site.domain,
                "features": features,
            }
        )
