"""Reads: the only road from a request to a site, the picture of a site that intake needs, and who a key belongs to."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce

from accounts.keys import hash_key, hashes_equal, scope_allows
from accounts.models import (
    OLD_DOMAIN_GRACE,
    SLUG_CHARACTERS,
    ApiKey,
    ChangeMark,
    GuestMembership,
    Membership,
    Plan,
    SharedLink,
    ShieldRule,
    Site,
    Team,
    User,
)
from accounts.types import (
    Actor,
    Feature,
    ImportRef,
    IntakeRecord,
    LinkActor,
    Role,
    Scope,
    ShieldKind,
    SiteId,
    SiteRef,
    Surface,
    TeamQuota,
    VisitorIds,
)
from accounts.validators import MAX_DOMAIN_CHARACTERS, is_storable
from analytics_project import clock
from analytics_project.errors import AppError, InvalidRequest, NotAuthenticated, NotFound, PaymentRequired

# Visits open when a site's zone changes keep the day they began on; none lasts longer than a week.
ZONE_CHANGE_MARGIN: Final = timedelta(days=8)
SITES_OF_A_VIEW: Final = 2  # fewer have no consolidated view
_NO_SUCH_SITE: Final = "Site not found, or your role on it does not suffice"
_ROLE_TOO_LOW: Final = "Site not found, or the role of the key's owner does not suffice"
_UNIX_DAY_ZERO: Final = date(1970, 1, 1).toordinal()


def key_for(text: str) -> ApiKey | None:
    """Return the usable key with this text, its user loaded; None for an unknown, revoked or expired one.

    Also None when its user was made inactive. One indexed query; nothing is cached, so a revocation holds at once. The
    team's limit comes along as one column (0.1 ms; loading team and plan would be 0.25, asking for it 0.25).
    """
    wanted = hash_key(settings.SECRET_KEY, text)
    limit = Coalesce("team__hourly_limit_override", "team__plan__hourly_limit")
    keys = ApiKey.objects.select_related("user").annotate(limit_of_team=limit)
    key = keys.filter(hash=wanted).first()
    if key is None or not hashes_equal(key.hash, wanted):
        return None
    key.team_hourly_limit = key.limit_of_team
    expired = key.expires_at is not None and key.expires_at <= clock.now()
    return None if expired or key.revoked_at is not None or not key.user.is_active else key


def link_named(slug: str) -> SharedLink | None:
    """Return the shared link of this slug that has not expired, its site, team and plan loaded; else None."""
    if len(slug) != SLUG_CHARACTERS or not is_storable(slug):
        return None
    link = SharedLink.objects.select_related("site__team__plan").filter(slug=slug).first()
    is_over = link is not None and link.expires_at is not None and link.expires_at <= clock.now()
    return None if is_over else link


def actor_for(key: ApiKey) -> Actor:
    """Return on whose behalf a request with this key acts."""
    return Actor(
        user_id=key.user_id,
        key_id=key.pk,
        team_id=key.team_id,
        scopes=tuple(key.scopes),
        read_only=key.is_read_only,
        is_super_admin=str(key.user_id) in settings.SUPER_ADMIN_USER_IDS,
    )


def quota_of_key(key: ApiKey) -> TeamQuota | None:
    """Return the quota of the team of a key that `key_for` found, None for a legacy key."""
    if key.team_id is None or key.team_hourly_limit is None:
        return None
    return TeamQuota(key.team_id, key.team_hourly_limit)


def quota_of_site(site_id_text: str) -> TeamQuota | None:
    """Return the quota of the team that owns the site named, whoever asks; None when there is no such site.

    For counting only: what it finds must not show in an answer (key contract, section 7).
    """
    site = _named(site_id_text, list(Site.objects.select_related("team__plan").filter(_names_site(site_id_text))))
    team = _team_of_view(site_id_text) if site is None else site.team
    return None if team is None else TeamQuota(team.pk, team.hourly_limit)


def actor_for_person(user: User) -> Actor:
    """Return on whose behalf a request of a logged-in person acts: they read what they may see, and nothing more."""
    return Actor(
        user_id=user.pk,
        key_id=None,
        team_id=None,
        scopes=(),
        read_only=True,
        is_super_admin=str(user.pk) in settings.SUPER_ADMIN_USER_IDS,
    )


def refusal(surface: Surface) -> AppError:
    """Return the one answer to an unknown key, a wrong team, a stranger and a lacking scope (key contract, section 5).

    A 401 where keys are used; to a person who is logged in, the 404 of a site that does not exist.
    """
    if surface is Surface.SESSION:
        return NotFound(_NO_SUCH_SITE)
    noun = "site" if surface is Surface.STATS else "resource"
    return NotAuthenticated(f"Invalid API key, or this key has no access to the {noun} asked for")


def site_for(
    actor: Actor | LinkActor,
    site_id_text: str,
    scope: Scope,
    *,
    surface: Surface = Surface.STATS,
    roles: Collection[Role] | None = None,
    admits_views: bool = False,
) -> SiteRef:
    """Return the site that the actor names, if they may use it for `scope`: gates 5 to 13 of the key contract.

    `site_id_text` is a domain, one given up less than 72 hours ago, or a public id `ds_…`. `roles`, where given, are
    those that suffice; a guest editor or viewer counts as `editor` or `viewer`. One query reads the site with team and
    plan, one the membership, a third a guest's role: plain look-ups cost half of one query that joins all (1.3 ms
    against 2.1 ms of processor time, 2 cores). Where `admits_views`, the id of a team with two sites or more names all
    of them together, its consolidated view, for full members.
    Raises: InvalidRequest without a site id, and for a view that is not admitted; NotAuthenticated for a lacking scope
    and a site of others; the same for an unknown site, but NotFound on the Sites surface; PaymentRequired for a locked
    team or a plan without the feature; NotFound for a role outside `roles`. Source: key contract, sections 5 and 6.
    """
    if not site_id_text.strip():
        raise missing_site_id()
    if not scope_allows(actor.scopes, scope):
        raise refusal(surface)
    site = _named(site_id_text, list(Site.objects.select_related("team__plan").filter(_names_site(site_id_text))))
    view = _view_named(site_id_text) if site is None else None
    if view is not None and not admits_views:
        raise InvalidRequest(
            "site_id: a consolidated view is read by POST /api/v2/query only", code="consolidated_view"
        )
    found = view or (None if site is None else (site.team, site_ref(site)))
    if found is None:
        raise _unknown_site(actor, surface)
    team, reference = found
    role = _role_on(actor, team, reference)
    if not actor.is_super_admin:
        if role is None:
            raise refusal(surface)
        check_plan(team, scope)
        if view is not None and Feature.CONSOLIDATED_VIEW not in team.features:
            raise PaymentRequired("The plan of this team does not include consolidated views")
    if roles is not None and role not in roles:
        raise NotFound(_NO_SUCH_SITE if surface is Surface.SESSION else _ROLE_TOO_LOW)
    return replace(reference, features=team.features)


def missing_site_id() -> InvalidRequest:
    """Return the 400 for a request that has to name a site and does not."""
    return InvalidRequest("site_id is missing: name a site by its domain or its public id", code="missing_site_id")


def _unknown_site(actor: Actor | LinkActor, surface: Surface) -> AppError:
    """Return the answer for a site that is not there; the key of somebody who has left its team is told nothing."""
    has_left = (
        isinstance(actor, Actor)
        and actor.team_id is not None
        and not actor.is_super_admin
        and not Membership.objects.filter(team=actor.team_id, user=actor.user_id).exists()
    )
    return NotFound("Site not found") if surface is Surface.SITES and not has_left else refusal(surface)


def _role_on(actor: Actor | LinkActor, team: Team, site: SiteRef) -> Role | None:
    """Return the actor's role; a key of a team sees that team's sites only, and never as a guest."""
    if isinstance(actor, LinkActor):
        return Role.VIEWER if site.id == actor.site_id else None
    if actor.team_id not in (None, team.pk):
        return None
    roles = list(Membership.objects.filter(team=team.pk, user=actor.user_id).values_list("role", flat=True))
    if not roles and actor.team_id is None:
        roles = list(GuestMembership.objects.filter(site=site.id, user=actor.user_id).values_list("role", flat=True))
    return Role(roles[0]) if roles else None


def check_plan(team: Team, scope: Scope) -> None:
    """Raise PaymentRequired for a locked team and for a plan without the feature: gates 11 and 12."""
    if team.is_refused:
        raise PaymentRequired("The team that owns this site is locked; its owner has to renew the subscription")
    name, feature = (
        ("Sites API", Feature.SITES_API) if scope is Scope.SITES_PROVISION else ("Stats API", Feature.STATS_API)
    )
    if feature not in team.features:
        raise PaymentRequired(f"The plan of the team that owns this site does not include the {name}")


def _names_site(text: str) -> Q:
    """Return the condition under which a site answers to `text`; matches nothing for text that cannot be a name."""
    name = text.strip().lower()
    if not name or len(name) > MAX_DOMAIN_CHARACTERS or not name.isprintable():
        return Q(pk__in=())
    if name.startswith("ds_"):
        return Q(public_id=name)
    return Q(domain=name) | Q(previous_domain=name, domain_changed_at__gt=clock.now() - OLD_DOMAIN_GRACE)


def _named(text: str, found: list[Site]) -> Site | None:
    """Choose among sites that answer to `text`: who bears the name now goes before who bore it."""
    name = text.strip().lower()
    return min(found, key=lambda site: (name not in (site.domain, site.public_id), -site.pk), default=None)


def site_ref(site: Site) -> SiteRef:
    """Return the plain value of a site; whoever holds a record has passed its own check of rights."""
    changed_at = site.timezone_changed_at
    return SiteRef(
        id=SiteId(site.pk),
        public_id=site.public_id,
        domain=site.domain,
        timezone=site.timezone,
        currency=site.currency,
        stats_reset_at=None if site.stats_reset_at is None else int(site.stats_reset_at.timestamp()),
        days_hold_from=None if changed_at is None else int((changed_at + ZONE_CHANGE_MARGIN).timestamp()),
        imports=tuple(
            ImportRef(number, date.fromisoformat(first), date.fromisoformat(last), has_depth)
            for number, first, last, has_depth in site.imports
        ),
    )


def _view_named(text: str) -> tuple[Team, SiteRef] | None:
    """Return the team that this text is the id of, and its sites together; None where it has fewer than two.

    The view's zone is that of most of the sites, of several such the one that the oldest site has.
    """
    team = _team_of_view(text)
    parts = () if team is None else tuple(map(site_ref, Site.objects.filter(team=team).order_by("pk")))
    if team is None or len(parts) < SITES_OF_A_VIEW:
        return None
    timezone = Counter(part.timezone for part in parts).most_common(1)[0][0]
    return team, SiteRef(SiteId(0), "", str(team.identifier), timezone, parts[0].currency, parts=parts)


def _team_of_view(text: str) -> Team | None:
    name = text.strip().lower()
    try:
        identifier = UUID(name)
    except ValueError:
        return None
    if str(identifier) != name:  # other ways to write one are no names
        return None
    return Team.objects.select_related("plan").filter(identifier=identifier).first()


def intake_record(domain_or_public_id: str) -> IntakeRecord | None:
    """Return what intake must know of the site that this text names, None if there is none. At most two queries.

    The text is a domain, without `www.`, one given up less than 72 hours ago, or a public id; case does not count.
    """
    sites = Site.objects.select_related("team").filter(_names_site(domain_or_public_id))
    site = _named(domain_or_public_id, list(sites))
    if site is None:
        return None
    rules = list(ShieldRule.objects.filter(site=site).order_by("pk").values_list("kind", "value"))
    until = site.team.accept_traffic_until
    return IntakeRecord(
        site=site_ref(site),
        addresses=_values(rules, ShieldKind.IP),
        countries=_values(rules, ShieldKind.COUNTRY),
        pages=_values(rules, ShieldKind.PAGE),
        hostnames=_values(rules, ShieldKind.HOSTNAME),
        rate_threshold=site.ingest_rate_threshold,
        rate_window_s=site.ingest_rate_window_s,
        accepts_until=None if until is None else until.toordinal() - _UNIX_DAY_ZERO,
        persistent_visitors=site.visitor_ids == VisitorIds.PERSISTENT,
        caller_id_secret=bytes(site.caller_id_secret),
    )


def _values(rules: list[tuple[str, str]], kind: ShieldKind) -> tuple[str, ...]:
    return tuple(value for rule_kind, value in rules if rule_kind == kind)


def site_named(text: str) -> Site | None:
    """Return the site of this domain or public id, whoever owns it: for commands, never on behalf of a request."""
    return _named(text, list(Site.objects.select_related("team").filter(_names_site(text))))


def features_of(site: SiteRef) -> frozenset[Feature]:
    """Return what the plan of the site's team opens. Raises: Team.DoesNotExist for a site deleted just now."""
    if site.features is not None:
        return site.features
    return Team.objects.select_related("plan").get(sites=site.sites[0].id).features


def keeps_visitor_ids(site: SiteRef) -> bool:
    """Tell whether visitors of a site may keep their id beyond the day."""
    return Site.objects.filter(pk=site.id, visitor_ids=VisitorIds.PERSISTENT).exists()


def change_mark() -> int:
    """Return a number that is another one after any change of a site, shield, team or goal; one row is read.

    Polled by the serving process: when it moved, whatever was cached of sites is out of date. A domain's 72 hours of
    grace end without a change, so cached records must expire by themselves as well.
    """
    return ChangeMark.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def caller_id_secret(site_id: SiteId) -> bytes:
    """Return the permanent secret under which a site's own visitor ids are hashed. Raises: Site.DoesNotExist."""
    return bytes(Site.objects.values_list("caller_id_secret", flat=True).get(pk=site_id))


def default_plan() -> Plan:
    """Return the plan of teams that name none. Raises: Plan.DoesNotExist when an operator removed the default mark."""
    return Plan.objects.get(is_default=True)
