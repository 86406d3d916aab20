"""Shared links of the token's site (Plugins API contract, section 8)."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.link_services import link_url, provide_link_of_plugin
from accounts.plugins_selectors import shared_links_listed
from analytics_project.errors import NotFound
from goals.api.plugins.bodies import Body, body_of, check, id_in_path, object_in, text_in
from goals.api.plugins.failures import INVALID, Fault
from goals.api.plugins.pages import page
from goals.api.plugins.views import PluginsView


class _LinksView(PluginsView):
    def shown(self, link: Any) -> dict[str, object]:
        """Return a link as plugins see it."""
        fields = {
            "id": link.pk,
            "name": link.name,
            "password_protected": link.password_hash != "",
            "href": link_url(self.actor.site, link, base=self.base),
        }
        return {"shared_link": fields}


class SharedLinksView(_LinksView):
    """`/shared_links`."""

    def get(self, request: Request) -> Response:
        """List links, newest first."""
        links, meta = page(request, shared_links_listed(self.actor.site.id), "link", self.base)
        return Response({"shared_links": [self.shown(link) for link in links], "meta": meta})

    def put(self, request: Request) -> Response:
        """Find or create the link of this name, on any plan."""
        name, password = _wanted(body_of(request))
        link = provide_link_of_plugin(self.actor.site, name, password, who=self.actor)
        return self.created(self.shown(link), f"/shared_links/{link.pk}")


class OneSharedLinkView(_LinksView):
    """`/shared_links/{id}`."""

    def get(self, request: Request, link_id: str) -> Response:
        """Answer one link. Raises: NotFound."""
        link = shared_links_listed(self.actor.site.id).filter(pk=id_in_path(link_id)).first()
        if link is None:
            raise NotFound("Shared link not found")
        return Response(self.shown(link))


def _wanted(body: Body) -> tuple[str, str]:
    """Return name and password, empty for none. Raises: InvalidShape."""
    faults: list[Fault] = []
    sent = object_in(body, "shared_link", (), faults) or {}
    check(faults)
    name = text_in(sent, "name", ("shared_link",), faults)
    password = sent.get("password")
    if password is not None and not isinstance(password, str):
        faults.append(Fault(("shared_link", "password"), INVALID))
    check(faults)
    return name, password if isinstance(password, str) else ""
