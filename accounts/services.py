"""Writes: people, teams, plans, sites, keys and tokens. Each writes its audit entry in its own transaction.

`who` is the person acting, or the key that speaks for them, None for the command line. A value that breaks a rule
raises InvalidRequest, in the shape `field: message`; a state that forbids the act raises Conflict.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q

from accounts import keys
from accounts.models import (
    ApiKey,
    GuestInvitation,
    GuestMembership,
    Membership,
    Plan,
    PluginsToken,
    ShieldRule,
    Site,
    Team,
    TeamInvitation,
    User,
)
from accounts.records import Who, save_record, write_audit
from accounts.selectors import default_plan
from accounts.types import Feature, GuestRole, Role, Scope, ShieldKind
from accounts.validators import clean_domain
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidRequest

LAST_USED_PRECISION: Final = timedelta(minutes=1)
# More than five whole minutes (Plugins API contract, section 2).
TOKEN_LAST_USED_PRECISION: Final = timedelta(minutes=6)
ROTATION_GRACE: Final = timedelta(hours=24)
MAX_ROTATION_GRACE: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its text, which exists nowhere else."""

    record: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new Plugins API token and its text, which exists nowhere else."""

    record: PluginsToken
    text: str = field(repr=False)


# ---- People and teams ------------------------------------------------------------------------------------------------
@transaction.atomic
def provide_user(email: str, *, password: str | None = None, who: Who | None = None) -> tuple[User, bool]:
    """Find or create the person with this address, and tell whether they are new; a password given is set.

    Without a password a new person cannot log in until one is set. Raises: InvalidRequest for a bad address.
    """
    try:
        validate_email(email.strip())
    except ValidationError as problem:
        raise InvalidRequest(f"email: {', '.join(problem.messages)}") from problem
    user = User.objects.filter(email=email.strip().lower()).first()
    is_new = user is None
    if user is None:
        user = User(email=email.strip())
        user.set_password(password)
        save_record(user, exclude=["password"])
        write_audit(who, "user.create", user)
    elif password is not None and not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
        write_audit(who, "user.set_password", user)
    return user, is_new


@transaction.atomic
def create_team(
    name: str,
    owner: User,
    *,
    plan: Plan | None = None,
    features: Iterable[Feature] | None = None,
    is_setup_complete: bool = True,
    who: Who | None = None,
) -> Team:
    """Create a team and make `owner` its first owner; no plan means the default one, no features those of the plan.

    A team that is not set up is the owner's personal one.
    """
    team = Team(
        name=name.strip(),
        plan=plan or default_plan(),
        feature_override=_feature_names(features),
        is_setup_complete=is_setup_complete,
    )
    save_record(team)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    write_audit(who, "team.create", f"{team.name} ({team.identifier})")
    return team


@transaction.atomic
def set_plan(team: Team, plan: Plan, *, features: Iterable[Feature] | None = None, who: Who | None = None) -> None:
    """Put a team on a plan; `features` replace those of the plan, None takes the plan's own."""
    team.plan = plan
    team.feature_override = _feature_names(features)
    save_record(team)
    write_audit(who, "team.set_plan", f"{team.name} ({team.identifier}): {plan.name}")


@transaction.atomic
def set_locked(team: Team, is_locked: bool, *, who: Who | None = None) -> None:
    """Let a team's APIs answer 402, or no longer; its events are taken all the same."""
    team.is_locked = is_locked
    save_record(team)
    write_audit(who, "team.lock" if is_locked else "team.unlock", f"{team.name} ({team.identifier})")


def _feature_names(features: Iterable[Feature] | None) -> list[str] | None:
    return None if features is None else sorted({feature.value for feature in features})


@transaction.atomic
def set_member(team: Team, user: User, role: Role, *, who: Who | None = None) -> Membership:
    """Give a person their one role in a team, dropping what they were as a guest of its sites.

    Raises: Conflict when that would leave the team without an owner.
    """
    if role is not Role.OWNER and is_last_owner(team, user):
        raise Conflict(f"{user} is the last owner of {team}; make someone else owner first", code="last_owner")
    membership, _ = Membership.objects.update_or_create(team=team, user=user, defaults={"role": role})
    forget_guest(team, user)
    write_audit(who, "team.set_member", f"{team.name} ({team.identifier}): {user} {role}")
    return membership


def is_last_owner(team: Team, user: User) -> bool:
    """Tell whether the team has no owner beside this one; its owners stay as they are until the transaction ends."""
    owners = Membership.objects.select_for_update().filter(team=team, role=Role.OWNER)
    return set(owners.values_list("user_id", flat=True)) == {user.pk}


def forget_guest(team: Team, user: User) -> None:
    """Drop what a member of a team was as a guest of its sites, and the invitations that they need no longer."""
    GuestMembership.objects.filter(site__team=team, user=user).delete()
    GuestInvitation.objects.filter(site__team=team, email=user.email).delete()
    TeamInvitation.objects.filter(team=team, email=user.email).delete()


@transaction.atomic
def set_guest(site: Site, user: User, role: GuestRole, *, who: Who | None = None) -> GuestMembership:
    """Give a person a role on a single site. Raises: Conflict for a member of the site's team."""
    if Membership.objects.filter(team=site.team_id, user=user).exists():
        raise Conflict(f"{user} is a member of the team that owns {site} and cannot be its guest", code="is_member")
    guest, _ = GuestMembership.objects.update_or_create(site=site, user=user, defaults={"role": role})
    write_audit(who, "site.set_guest", f"{site}: {user} {role}")
    return guest


# ---- Sites -----------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_site(
    domain: str,
    team: Team,
    *,
    timezone: str = "Etc/UTC",
    currency: str = "USD",
    is_sample: bool = False,
    who: Who | None = None,
) -> Site:
    """Create a site under its cleaned domain.

    Raises: InvalidRequest for a bad domain, zone or currency, and for a domain that another site bears or has given up
    less than 72 hours ago; the text does not tell whose.
    """
    site = Site(domain=domain, team=team, timezone=timezone, currency=currency, is_sample=is_sample)
    save_record(site)
    write_audit(who, "site.create", site)
    return site


@transaction.atomic
def provide_site(domain: str, team: Team, *, timezone: str | None = None, who: Who | None = None) -> Site:
    """Find the team's site of this domain, or create it; a time zone given is set.

    Raises: InvalidRequest as `create_site` does, also for a domain that another team's site bears.
    """
    site = Site.objects.filter(domain=_cleaned_domain(domain), team=team).first()
    if site is None:
        return create_site(domain, team, timezone="Etc/UTC" if timezone is None else timezone, who=who)
    if timezone is not None and timezone != site.timezone:
        set_timezone(site, timezone, who=who)
    return site


def _cleaned_domain(text: str) -> str:
    try:
        return clean_domain(text)
    except ValidationError as problem:
        raise InvalidRequest(f"domain: {', '.join(problem.messages)}") from problem


@transaction.atomic
def change_domain(site: Site, domain: str, *, who: Who | None = None) -> None:
    """Rename a site; for 72 hours the old domain names it too. Raises: InvalidRequest as `create_site` does."""
    old = Site.objects.select_for_update().values_list("domain", flat=True).get(pk=site.pk)
    site.domain = _cleaned_domain(domain)
    if site.domain != old:
        site.previous_domain, site.domain_changed_at = old, clock.now()
    save_record(site)
    write_audit(who, "site.change_domain", f"{old} to {site.domain}")


@transaction.atomic
def set_timezone(site: Site, timezone: str, *, who: Who | None = None) -> None:
    """Change a site's time zone; what is stored stays, reports are in the new zone. Raises: InvalidRequest."""
    site.timezone = timezone
    save_record(site)
    write_audit(who, "site.set_timezone", f"{site}: {timezone}")


@transaction.atomic
def add_shield_rule(site: Site, kind: ShieldKind, value: str, *, who: Who | None = None) -> ShieldRule:
    """Add one rule to a site's shields. Raises: InvalidRequest for a bad or repeated value and beyond the limit."""
    rule = ShieldRule(site=site, kind=kind, value=value)
    save_record(rule)
    write_audit(who, "site.add_shield_rule", f"{site}: {rule}")
    return rule


# ---- Keys and tokens -------------------------------------------------------------------------------------------------
@transaction.atomic
def issue_key(
    user: User,
    team: Team | None,
    *,
    name: str,
    scopes: Sequence[str] = (Scope.STATS_READ.value,),
    read_only: bool = False,
    expires_at: datetime | None = None,
    who: Who | None = None,
) -> IssuedKey:
    """Make a key of a person for a team, or a legacy key for whatever they reach.

    Raises: InvalidRequest for a bad scope; Conflict when the person is no member of the team.
    """
    if team is not None and not Membership.objects.filter(team=team, user=user).exists():
        raise Conflict(f"{user} is not a member of {team}", code="not_a_member")
    text = keys.mint_key()
    record = ApiKey(
        user=user,
        team=team,
        name=name,
        hash=keys.hash_key(settings.SECRET_KEY, text),
        prefix=keys.key_prefix(text),
        scopes=list(scopes),
        is_read_only=read_only,
        expires_at=expires_at,
    )
    save_record(record)
    write_audit(who, "key.issue", f"{record} of {user}")
    return IssuedKey(record, text)


@transaction.atomic
def revoke_key(key: ApiKey, *, who: Who | None = None) -> None:
    """Make a key useless from the next request on; revoking again changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=clock.now(), updated_at=clock.now()):
        write_audit(who, "key.revoke", f"{key} of {key.user}")


@transaction.atomic
def rotate_key(key: ApiKey, *, grace: timedelta = ROTATION_GRACE, who: User | None = None) -> IssuedKey:
    """Make a key's successor with the same rights; the old key works for `grace` beside it, then lapses.

    A key that was made for a while gives its successor as long, from now; no grace makes the old key live longer.
    Raises: InvalidRequest for a grace below 0 or above 90 days; Conflict for a key that is revoked, expired or rotated
    already, and when its person has left the team.
    """
    if not timedelta(0) <= grace <= MAX_ROTATION_GRACE:
        raise InvalidRequest(f"grace: must be between 0 and {MAX_ROTATION_GRACE.days} days")
    now = clock.now()
    old = ApiKey.objects.select_for_update().get(pk=key.pk)
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict(f"{old} is revoked or expired and cannot be rotated; issue a new key", code="key_not_usable")
    if old.replaced_by_id is not None:
        raise Conflict(f"{old} has been rotated already; rotate its successor", code="key_rotated")
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    issued = issue_key(
        old.user,
        old.team,
        name=old.name,
        scopes=old.scopes,
        read_only=old.is_read_only,
        expires_at=None if lifetime is None else now + lifetime,
        who=who,
    )
    lapses_at = now + grace
    old.expires_at = lapses_at if old.expires_at is None else min(old.expires_at, lapses_at)
    old.replaced_by = issued.record
    old.save(update_fields=["expires_at", "replaced_by", "updated_at"])
    write_audit(who, "key.rotate", f"{old} of {old.user}, which lapses at {old.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    return issued


def touch_key(key: ApiKey) -> None:
    """Note that a key was used, to the minute: most requests write nothing."""
    now = clock.now()
    if key.last_used_at is None or key.last_used_at <= now - LAST_USED_PRECISION:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USED_PRECISION)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


@transaction.atomic
def issue_plugins_token(site: Site, *, description: str, who: Who | None = None) -> IssuedToken:
    """Make a token with which a plugin works on one site. Raises: InvalidRequest for a blank description."""
    text = keys.mint_plugins_token()
    record = PluginsToken(
        site=site, description=description.strip(), hash=keys.hash_plugins_token(text), hint=keys.token_hint(text)
    )
    save_record(record)
    write_audit(who, "plugins_token.issue", f"{record} of {site}")
    return IssuedToken(record, text)


def touch_plugins_token(token: PluginsToken) -> None:
    """Note that a token was used, to six minutes: most requests write nothing."""
    now = clock.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - TOKEN_LAST_USED_PRECISION)
    if token.last_used_at is None or token.last_used_at <= now - TOKEN_LAST_USED_PRECISION:
        PluginsToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
