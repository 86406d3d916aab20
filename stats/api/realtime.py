"""Realtime: who is on the site now (stats contract, part 4)."""

from datetime import timedelta
from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project import clock
from analytics_project.documentation import documented
from analytics_project.views import ApiView
from stats.api.answers import answer, site_of
from stats.api.documentation.v1 import CURRENT_VISITORS
from stats.query.dates import LAST_INSTANT
from stats.query.types import InstantPair, Leaf, Operator, QueryParams

WINDOW: Final = timedelta(minutes=5)
_NOT_ENGAGEMENT: Final = Leaf(Operator.IS_NOT, "event:name", ("engagement",))


class CurrentVisitorsView(ApiView):
    """`GET /api/v1/stats/realtime/visitors`."""

    requires_site_id = True
    admits_links = True

    @documented(CURRENT_VISITORS)
    def get(self, request: Request) -> Response:
        """Answer a bare whole number: distinct visitors of the last five minutes, engagement alone not counted."""
        site = site_of(request)
        since = clock.now().replace(microsecond=0) - WINDOW
        params = QueryParams(("visitors",), InstantPair(since, LAST_INSTANT), filters=(_NOT_ENGAGEMENT,))
        return Response(answer(site, params).rows[0].metrics[0])
