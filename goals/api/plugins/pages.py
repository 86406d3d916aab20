"""Pages of the Plugins API: ten newest first, with whole addresses of the pages beside (contract, section 4)."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from accounts.api.pagination import page_by_id
from goals.api.plugins.bodies import limit_in

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
WHOLE: Final[dict[str, object]] = {"pagination": {"has_next_page": False, "has_prev_page": False, "links": {}}}

Record = TypeVar("Record", bound=Model)


def page(
    request: Request, records: "QuerySet[Record, Any]", kind: str, base: str
) -> tuple[Sequence[Record], dict[str, object]]:
    """Return the records of the page asked for, and `meta`. Raises: InvalidShape, InvalidCursor."""
    sent = request.query_params
    limit = limit_in(sent.get("limit"), DEFAULT_LIMIT, MAX_LIMIT)
    asked = {"limit": limit, "after": sent.get("after"), "before": sent.get("before")}
    found = page_by_id(records, asked, kind)
    kept = [(name, text) for name, texts in sent.lists() if name not in {"after", "before"} for text in texts]
    links = {}
    for link, cursor in (("next", "after"), ("prev", "before")):
        if text := found.meta[cursor]:
            query = urlencode(sorted([*kept, (cursor, str(text))], key=lambda one: one[0]))
            links[link] = {"url": f"{base}{request.path.rstrip('/')}?{query}"}
    pagination = {"has_next_page": "next" in links, "has_prev_page": "prev" in links, "links": links}
    return found.items, {"pagination": pagination}
