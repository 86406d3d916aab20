"""`POST /webhooks/<provider>/<token>`: what payment providers tell; the signature over the raw body is the key."""

from typing import Final

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.documentation import documented
from analytics_project.errors import PayloadTooLarge
from analytics_project.views import ApiView
from revenue.api.documentation import webhooks as documentation
from revenue.webhook_services import take_event
from revenue.webhook_worker import notice_events

MAX_BODY_BYTES: Final = 2_000_000


class WebhookView(ApiView):
    """Takes the events of one connection."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = ()  # the body is verified as it came, before anything reads it

    @documented(documentation.RECEIVE)
    def post(self, request: Request, provider: str, token: str) -> Response:
        """Keep an event and answer; it is worked behind that. Raises: NotFound, InvalidRequest, PayloadTooLarge."""
        body = request._request.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes")
        headers = {name.lower(): value for name, value in request.headers.items()}
        if take_event(provider, token, headers, body):
            notice_events()
        return Response({"received": True})
