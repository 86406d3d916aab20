"""The base of every REST view; apart from `api`, which REST framework loads before it has views."""

from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView


class ApiView(APIView):
    """A view of any of our APIs; a method that it does not take is told 405 before anything else is looked at."""

    http_method_names = ("get", "head", "post", "put", "patch", "delete")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and check rights, as everywhere. Raises: MethodNotAllowed, before that."""
        if str(request.method) not in self.allowed_methods:
            self.http_method_not_allowed(request)
        super().initial(request, *args, **kwargs)
