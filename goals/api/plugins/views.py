"""What every view of the Plugins API does before its own work."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.types import PluginsActor
from analytics_project.views import ApiView
from goals.api.plugins.authentication import TokenAuthentication
from goals.api.plugins.failures import plugins_exception_handler

ROOT: Final = "/api/plugins/v1"


def base_of(request: Request) -> str:
    """Return the configured address of this server, else the one that was asked, without a slash at the end."""
    return (settings.BASE_URL or request.build_absolute_uri("/")).rstrip("/")


class PluginsView(ApiView):
    """A view of the Plugins API; its token names the site, so no request does."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (TokenAuthentication,)
    permission_classes = ()
    actor: PluginsActor

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, before anything of the request is looked at. Raises: NotAuthenticated."""
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, PluginsActor):
            self.actor = request.auth

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        """Return the handler that knows the two shapes of refusals."""
        return plugins_exception_handler

    @property
    def base(self) -> str:
        """Return this server's address without a slash at the end."""
        return base_of(self.request)

    def created(self, body: object, *paths: str) -> Response:
        """Answer 201 with a `Location` for each path below the API's root."""
        return _Created(body, [f"{self.base}{ROOT}{path}" for path in paths])


class _Created(Response):
    """A 201 whose `Location` stands once for each record; Django's own headers hold a name once."""

    def __init__(self, body: object, locations: Sequence[str]) -> None:
        super().__init__(body, status=201)
        self._locations = locations

    def items(self) -> Any:
        """Return name and value of every header line."""
        return [*super().items(), *(("Location", url) for url in self._locations)]
