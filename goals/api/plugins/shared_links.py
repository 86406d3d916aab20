"""Shared links of the token's site (Plugins API contract, section 8)."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.link_services import link_fields, provide_link_of_plugin
from accounts.plugins_selectors import shared_links_listed
from analytics_project.errors import NotFound
from goals.api.plugins.bodies import Body, body_of, check, id_in_path, object_in, text_in
from goals.api.plugins.failures import INVALID, Fault
from goals.api.plugins.pages import page
from goals.api.plugins.views import PluginsView


class SharedLinksView(PluginsView):
    """`/shared_links`."""

    def get(self, request: Request) -> Response:
        """List links, newest first."""
        site = self.actor.site
        links, meta = page(request, shared_links_listed(site.id), "link", self.base)
        shown = [{"shared_link": link_fields(site, link, base=self.base)} for link in links]
        return Response({"shared_links": shown, "meta": meta})

    def put(self, request: Request) -> Response:
        """Find or create the link of this name, on any plan."""
        name, password = _wanted(body_of(request))
        link = provide_link_of_plugin(self.actor.site, name, password, who=self.actor)
        shown = link_fields(self.actor.site, link, base=self.base)
        return self.created({"shared_link": shown}, f"/shared_links/{link.pk}")


class OneSharedLinkView(PluginsView):
    """`/shared_links/{id}`."""

    def get(self, request: Request, link_id: str) -> Response:
        """Answer one link. Raises: NotFound."""
        link = shared_links_listed(self.actor.site.id).filter(pk=id_in_path(link_id)).first()
        if link is None:
            raise NotFound("Shared link not found")
        return Response({"shared_link": link_fields(self.actor.site, link, base=self.base)})


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
