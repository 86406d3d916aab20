"""Where a new site goes: the team it belongs to, how many that team may have, and a name that its owner gives up."""

from datetime import timedelta

from django.db import transaction

from accounts.models import Membership, Site, Team, User
from accounts.records import write_audit
from accounts.selectors import check_plan, refusal
from accounts.services import create_team
from accounts.team_selectors import PERSONAL_TEAM_NAME, TeamStanding, team_identifier
from accounts.types import Actor, Role, Scope, Surface
from analytics_project import clock
from analytics_project.errors import Forbidden, InvalidRequest, PaymentRequired

MAY_ADD_SITES = frozenset({Role.OWNER, Role.ADMIN, Role.EDITOR})


@transaction.atomic
def team_for_new_site(actor: Actor, standing: TeamStanding | None, team_id_text: str) -> Team:
    """Return the team that gets the caller's next site, locked until the transaction ends.

    That is the team in play, else the personal team of the caller, made on the spot if there is none. A `team_id` that
    names no team is refused here, unlike in a list: the site would land in a team that nobody meant.
    Raises: NotAuthenticated and InvalidRequest for such a name; Forbidden for a role that may not add sites;
    InvalidRequest when the caller has several personal teams; PaymentRequired for a personal team without the Sites
    API and at the plan's limit of sites. Source: Sites API contract, section 3, checks 1 to 4.
    """
    if standing is None and team_id_text.strip():
        if team_identifier(team_id_text) is None:
            raise InvalidRequest("team_id: is invalid")
        raise refusal(Surface.SITES)
    if standing is not None:
        if standing.role not in MAY_ADD_SITES:
            raise Forbidden("Your role in this team does not allow to add sites")
        team = Team.objects.select_for_update(of=("self",)).select_related("plan").get(pk=standing.team_id)
    else:
        team = _personal_team(actor)
    limit = team.plan.max_sites
    if limit is not None and team.sites.count() >= limit:
        raise PaymentRequired(f"The team's plan allows {limit} sites, and it has as many")
    return team


def _personal_team(actor: Actor) -> Team:
    user = User.objects.select_for_update().get(pk=actor.user_id)  # two requests at once make one team
    found = list(
        Team.objects.select_for_update(of=("self",))
        .select_related("plan")
        .filter(is_setup_complete=False, memberships__user=user, memberships__role=Role.OWNER)[:2]
    )
    if len(found) > 1:
        raise InvalidRequest("team_id is missing: you own several personal teams, say which one gets the site")
    team = found[0] if found else create_team(PERSONAL_TEAM_NAME, user, is_setup_complete=False, who=actor)
    if not actor.is_super_admin:
        check_plan(team, Scope.SITES_PROVISION)
    return team


def start_trial(team: Team) -> None:
    """Start the trial of a team whose plan is one and who never had any, with its first site; today is day one."""
    if team.plan.trial_days is not None and team.trial_ends_on is None:
        team.trial_ends_on = clock.now().date() + timedelta(days=team.plan.trial_days)
        team.save(update_fields=["trial_ends_on", "updated_at"])


def free_name_of_own_site(actor: Actor, domain: str, *, except_for: int | None = None) -> None:
    """End the 72 hours in which a site of the caller still answers to `domain`, so that another one may take it.

    Only what the caller owns and their key reaches; nothing happens otherwise. `domain` is clean.
    """
    owned = Membership.objects.filter(user=actor.user_id, role=Role.OWNER).values("team")
    sites = Site.objects.filter(previous_domain=domain, team__in=owned)
    for site in sites if actor.team_id is None else sites.filter(team=actor.team_id):
        if site.pk == except_for:
            continue
        site.previous_domain, site.domain_changed_at = "", None
        site.save(update_fields=["previous_domain", "domain_changed_at", "updated_at"])
        write_audit(actor, "site.end_domain_grace", site)


def sweep_old_domains(grace: timedelta) -> int:
    """Forget the previous names of sites that changed longer ago than `grace`; return how many."""
    over = Site.objects.exclude(previous_domain="").filter(domain_changed_at__lte=clock.now() - grace)
    return over.update(previous_domain="", domain_changed_at=None)
