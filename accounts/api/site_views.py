"""What every view of the Sites API does before its own work: gates 5 to 12 of the key contract, section 5."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request

from accounts.api.authentication import actor_of, site_id_text
from accounts.api.parameters import Parameters, optional_text, parameters_of
from accounts.api.permissions import KeyMayWrite
from accounts.selectors import features_of, site_for
from accounts.team_selectors import TeamStanding, check_scope, team_in_play
from accounts.types import Actor, Feature, Role, Scope, SiteRef, Surface
from analytics_project.api import BoundedFormParser, BoundedMultiPartParser, OrjsonParser
from analytics_project.errors import NotFound
from analytics_project.views import ApiView


class SitesApiView(ApiView):
    """A view of the Sites API: reads need a key of any kind, other methods one that may provision.

    `roles` names, by method, the roles that suffice on the site. A site that does not exist and a role that does not
    suffice are told only when the view asks for `self.site`, after it has looked at its parameters.
    """

    surface = Surface.SITES
    parser_classes = (OrjsonParser, BoundedFormParser, BoundedMultiPartParser)
    permission_classes = (IsAuthenticated, KeyMayWrite)
    requires_site_id = False
    roles: ClassVar[Mapping[str, frozenset[Role]]] = {}

    actor: Actor
    scope: Scope
    parameters: Parameters
    standing: TeamStanding | None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then look at scope, site and team. Raises: as `site_for` and `team_in_play`."""
        super().initial(request, *args, **kwargs)
        self.actor = actor_of(request)
        self.scope = Scope.SITES_READ if request.method in SAFE_METHODS else Scope.SITES_PROVISION
        check_scope(self.actor, self.scope)
        self.parameters = parameters_of(request, kwargs)
        self._site = self._find_site(request)
        self.standing = self.find_standing(**kwargs)

    def find_standing(self, **path: Any) -> TeamStanding | None:
        """Return the caller's standing in the team in play, None without one. Raises: as `team_in_play`."""
        team_id = self.parameters.get("team_id")
        return team_in_play(self.actor, team_id if isinstance(team_id, str) else "", self.scope)

    def _find_site(self, request: Request) -> SiteRef | NotFound | None:
        if not self.requires_site_id and not optional_text(self.parameters, "site_id").strip():
            return None
        roles = self.roles.get(cast(str, request.method))
        try:
            return site_for(self.actor, site_id_text(request), self.scope, surface=self.surface, roles=roles)
        except NotFound as missing:
            return missing

    @property
    def site(self) -> SiteRef:
        """Return the site that the request names. Raises: NotFound for none, and for a role that does not suffice."""
        if isinstance(self._site, SiteRef):
            return self._site
        raise self._site or NotFound("Site not found")

    def check_roles(self, request: Request, roles: Collection[Role]) -> None:
        """Raise NotFound where the caller's role on the site is none of these, for what only some content demands."""
        site_for(self.actor, site_id_text(request), self.scope, surface=self.surface, roles=roles)

    @property
    def features(self) -> frozenset[Feature]:
        """Return what the plan of the site's team opens."""
        return features_of(self.site)
