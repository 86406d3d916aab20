"""GET and POST /api/v1/sites, GET /sites/teams, and GET, PUT and DELETE of one site (Sites API contract, section 3)."""

from django_filters import CharFilter, FilterSet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation.sites import CHANGE_SITE, CREATE_SITE, DELETE_SITE, LIST_SITES, LIST_TEAMS, SHOW_SITE
from accounts.api.filters import filtered
from accounts.api.pagination import page_by_id
from accounts.api.parameters import optional_text, with_switches
from accounts.api.permissions import SITE_EDITORS, SITE_OWNERS, SITE_READERS
from accounts.api.site_views import SitesApiView
from accounts.team_selectors import sites_listed_for, team_fields, teams_listed_for
from analytics_project.documentation import documented
from analytics_project.errors import InvalidRequest
from goals.site_services import CONFIGURATION, NewSite, change_site, delete_site, provision_site, site_fields


class SiteFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows the list of sites: `domain` by a part of it, in any case; `timezone` by its name."""

    domain = CharFilter(lookup_expr="icontains")
    timezone = CharFilter()


class TeamFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows the list of teams: `name` by a part of what the list shows, in any case."""

    name = CharFilter(field_name="shown_name", lookup_expr="icontains")


class SitesView(SitesApiView):
    """The caller's sites, and a new one."""

    @documented(LIST_SITES)
    def get(self, request: Request) -> Response:
        """List the sites that the caller may see, newest first; parameters `team_id`, `domain`, `timezone`."""
        chosen = filtered(SiteFilter, self.parameters, sites_listed_for(self.actor, self.standing))
        page = page_by_id(chosen, self.parameters, "site")
        items = [{"domain": site.domain, "timezone": site.timezone} for site in page.items]
        return Response({"sites": items, "meta": page.meta})

    @documented(CREATE_SITE)
    def post(self, request: Request) -> Response:
        """Create a site in the key's team, the one of `team_id`, or the caller's personal team."""
        sent = self.parameters
        new = NewSite(
            domain=sent.get("domain"),
            timezone=sent.get("timezone", ""),
            team_id=optional_text(sent, "team_id") if self.actor.team_id is None else "",
            configuration=with_switches(sent.get(CONFIGURATION)),
        )
        return Response(site_fields(provision_site(self.actor, self.standing, new)))


class TeamsView(SitesApiView):
    """The teams of which the caller is a full member."""

    @documented(LIST_TEAMS)
    def get(self, request: Request) -> Response:
        """List teams, newest first; parameter `name`."""
        chosen = filtered(TeamFilter, self.parameters, teams_listed_for(self.actor))
        page = page_by_id(chosen, self.parameters, "team")
        return Response({"teams": [team_fields(team) for team in page.items], "meta": page.meta})


class SiteView(SitesApiView):
    """One site, named in the path."""

    requires_site_id = True
    roles = {"GET": SITE_READERS, "HEAD": SITE_READERS, "PUT": SITE_EDITORS, "DELETE": SITE_OWNERS}

    @documented(SHOW_SITE)
    def get(self, request: Request, site_id: str) -> Response:
        """Show a site with its allowed properties and its tracker configuration."""
        return Response(site_fields(self.site))

    @documented(CHANGE_SITE)
    def put(self, request: Request, site_id: str) -> Response:
        """Change domain, tracker configuration, or both; null changes nothing."""
        sent = self.parameters
        if "domain" not in sent and CONFIGURATION not in sent:
            raise InvalidRequest(f"domain or {CONFIGURATION} is missing: send at least one of them")
        changed = change_site(
            self.actor,
            self.site,
            domain=sent.get("domain"),
            configuration=with_switches(sent.get(CONFIGURATION)),
        )
        return Response(site_fields(changed))

    @documented(DELETE_SITE)
    def delete(self, request: Request, site_id: str) -> Response:
        """Delete a site; its statistics are erased in the background."""
        delete_site(self.site, who=self.actor)
        return Response({"deleted": True})
