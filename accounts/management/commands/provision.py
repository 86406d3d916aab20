"""Create or find people, teams, sites, keys, tokens and links. Touches the relational store only."""

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from accounts import services
from accounts.link_services import link_url, provide_link
from accounts.member_services import invite_member
from accounts.models import ApiKey, Membership, Plan, Site, Team, User
from accounts.selectors import features_of, site_named, site_ref
from accounts.types import Feature, GuestRole, Role, Scope
from analytics_project import clock
from analytics_project.errors import AppError

_SPANS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST_SPAN: Final = timedelta(days=36_525)
_FEATURE_OF_NAME: Final = {feature.short_name.lower(): feature for feature in Feature}


class Command(BaseCommand):
    help = (
        "Create or find a user, team, plan of a team, member, invitation, guest, site, key, shared link or plugins "
        "token. Running it again finds what is there; keys and tokens, which are stored as hashes and shown once, are "
        "made anew each time."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
        for name, text, arguments in _KINDS:
            kind = kinds.add_parser(name, help=text, description=text)
            kind.add_argument("--json", action="store_true", dest="as_json", help="Print exactly one JSON object.")
            for flag, options in arguments.items():
                kind.add_argument(flag, **options)

    def handle(self, *_args: object, **options: Any) -> None:
        """Run one kind. Raises: CommandError, one line, for whatever is refused or unknown; exit code 1."""
        if any("\ud800" <= character <= "\udfff" for value in _texts(options) for character in value):
            raise CommandError("the arguments must be UTF-8")
        try:
            result: dict[str, object] = getattr(self, f"_{options['kind'].replace('-', '_')}")(options)
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except Plan.DoesNotExist as problem:
            raise CommandError(
                "no plan is marked as the default; mark one in the admin, or name one with --plan"
            ) from problem
        except (OperationalError, ProgrammingError) as problem:
            raise CommandError(f"the database cannot be used ({problem}); run 'manage.py migrate' first") from problem
        if options["as_json"]:
            self.stdout.write(json.dumps(result))
            return
        for name, value in result.items():
            self.stdout.write(f"{name}: {', '.join(value) if isinstance(value, list) else value}")

    def _user(self, options: dict[str, Any]) -> dict[str, object]:
        user, _ = services.provide_user(options["email"], password=options["password"])
        return {"user_id": user.pk, "email": user.email}

    def _team(self, options: dict[str, Any]) -> dict[str, object]:
        owner, _ = services.provide_user(options["owner"])
        plan, features = _plan(options["plan"]), _features(options["features"])
        team = Team.objects.filter(
            name=options["name"].strip(), memberships__user=owner, memberships__role=Role.OWNER
        ).first()
        if team is None:
            team = services.create_team(options["name"], owner, plan=plan, features=features)
        elif plan is not None or features is not None:
            services.set_plan(team, plan or team.plan, features=features)
        issued = services.issue_key(owner, team, name="provisioning", scopes=[Scope.SITES_PROVISION])
        return {"team_id": str(team.identifier), "api_key": issued.text}

    def _plan(self, options: dict[str, Any]) -> dict[str, object]:
        team, plan = _team(options["team"]), _plan(options["plan"])
        services.set_plan(team, plan or team.plan, features=_features(options["features"]))
        names = sorted(feature.short_name for feature in team.features)
        return {"team_id": str(team.identifier), "plan": team.plan.name, "features": names}

    def _member(self, options: dict[str, Any]) -> dict[str, object]:
        team = _team(options["team"])
        user, _ = services.provide_user(options["email"])
        membership = services.set_member(team, user, Role(options["role"]))
        return {"user_id": user.pk, "role": str(membership.role)}

    def _invitation(self, options: dict[str, Any]) -> dict[str, object]:
        base = options["base_url"] or ""
        if not (settings.BASE_URL or base):
            raise CommandError("set BASE_URL, or give --base-url: the link has to begin with the server's address")
        invited = invite_member(_team(options["team"]), options["email"], Role(options["role"]), base=base)
        url = None if invited.token is None else invited.token.link(base)
        return {"email": invited.entry.email, "role": invited.entry.role, "url": url}

    def _guest(self, options: dict[str, Any]) -> dict[str, object]:
        site = _site(options["site"])
        user, _ = services.provide_user(options["email"])
        guest = services.set_guest(site, user, GuestRole(options["role"]))
        return {"user_id": user.pk, "role": str(guest.role)}

    def _site(self, options: dict[str, Any]) -> dict[str, object]:
        team = _team(options["team"])
        site = services.provide_site(options["domain"], team, timezone=options["timezone"])
        return {"site_id": site.domain, "domain": site.domain, "public_id": site.public_id}

    def _key(self, options: dict[str, Any]) -> dict[str, object]:
        if options["rotate"] is not None or options["revoke"] is not None:
            return _changed_key(options)
        if options["email"] is None:
            raise CommandError("give --email E for a new key, or --rotate ID or --revoke ID for one that exists")
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError(f"there is no user with the e-mail address {options['email']!r}")
        issued = services.issue_key(
            user,
            _team_of_key(user, options),
            name="provisioned",
            scopes=options["scope"] or [Scope.STATS_READ],
            read_only=options["read_only"],
            expires_at=None if options["expires_in"] is None else clock.now() + options["expires_in"],
        )
        return {"api_key": issued.text, "scopes": list(issued.record.scopes), "key_id": issued.record.pk}

    def _plugins_token(self, options: dict[str, Any]) -> dict[str, object]:
        return {"token": services.issue_plugins_token(_site(options["site"]), description="provisioned").text}

    def _shared_link(self, options: dict[str, Any]) -> dict[str, object]:
        site = site_ref(_site(options["site"]))
        if not (settings.BASE_URL or options["base_url"]):
            raise CommandError("set BASE_URL, or give --base-url: the link has to begin with the server's address")
        expires_at = None if options["expires_in"] is None else clock.now() + options["expires_in"]
        link = provide_link(site, options["name"], features_of(site), expires_at=expires_at)
        return {"name": link.name, "url": link_url(site, link, base=options["base_url"] or "")}


def _changed_key(options: dict[str, Any]) -> dict[str, object]:
    """Rotate or revoke the key of a number; what a new key would need is refused beside it."""
    unfit = [name for name in ("email", "team", "scope", "legacy", "read_only", "expires_in") if options[name]]
    if unfit or (options["rotate"] is not None and options["revoke"] is not None):
        raise CommandError("--rotate and --revoke take no option but --grace: the key keeps its rights")
    number = options["revoke"] if options["rotate"] is None else options["rotate"]
    key = ApiKey.objects.select_related("user", "team").filter(pk=number).first()
    if key is None:
        raise CommandError(f"there is no key with the id {number}")
    if options["rotate"] is None:
        services.revoke_key(key)
        return {"key_id": key.pk, "revoked": True}
    issued = services.rotate_key(key, grace=services.ROTATION_GRACE if options["grace"] is None else options["grace"])
    key.refresh_from_db()
    return {
        "api_key": issued.text,
        "scopes": list(issued.record.scopes),
        "key_id": issued.record.pk,
        "old_key_id": key.pk,
        "old_key_expires_at": None if key.expires_at is None else key.expires_at.isoformat(timespec="seconds"),
    }


def _span(text: str) -> timedelta:
    """Return a span of time such as 30m, 24h or 90d; at most 100 years. Raises: ArgumentTypeError."""
    shape = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if shape is None or (span := int(shape[1]) * _SPANS[shape[2]]) > _LONGEST_SPAN:
        raise ArgumentTypeError(f"{text!r} is no span of time; use minutes, hours or days: 30m, 24h, 90d")
    return span


def _number(text: str) -> int:
    """Return the id of a record, which fits its column. Raises: ArgumentTypeError."""
    if re.fullmatch(r"[0-9]{1,18}", text) is None:
        raise ArgumentTypeError(f"{text!r} is no id; it is the whole number printed as key_id")
    return int(text)


def _texts(options: dict[str, Any]) -> list[str]:
    values = [value for option in options.values() for value in (option if isinstance(option, list) else [option])]
    return [value for value in values if isinstance(value, str)]


def _team(identifier: str) -> Team:
    try:
        team = Team.objects.select_related("plan").filter(identifier=UUID(identifier)).first()
    except ValueError:
        team = None
    if team is None:
        raise CommandError(f"there is no team with the id {identifier!r}")
    return team


def _team_of_key(user: User, options: dict[str, Any]) -> Team | None:
    """Return the team that a key is for: the named one, none for a legacy key, else the user's only one."""
    if options["legacy"] and options["team"]:
        raise CommandError("a legacy key has no team: give either --team or --legacy")
    if options["legacy"]:
        return None
    if options["team"]:
        return _team(options["team"])
    memberships = list(Membership.objects.select_related("team").filter(user=user)[:2])
    if len(memberships) != 1:
        count = "no team" if not memberships else "several teams"
        raise CommandError(f"{user} is in {count}: give --team ID, or --legacy for a key without a team")
    return memberships[0].team


def _plan(name: str | None) -> Plan | None:
    if name is None:
        return None
    plan = Plan.objects.filter(name=name.strip().lower()).first()
    if plan is None:
        known = ", ".join(Plan.objects.order_by("pk").values_list("name", flat=True))
        raise CommandError(f"there is no plan {name!r}; there are {known}")
    return plan


def _features(text: str | None) -> list[Feature] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if [name.lower() for name in names] == ["none"]:
        return []
    for name in names:
        if name.lower() not in _FEATURE_OF_NAME:
            raise CommandError(f"{name!r} is no feature; there are {', '.join(f.short_name for f in Feature)}, or none")
    return [_FEATURE_OF_NAME[name.lower()] for name in names]


def _site(text: str) -> Site:
    site = site_named(text)
    if site is None:
        raise CommandError(f"there is no site {text!r}")
    return site


_TEAM: Final[dict[str, Any]] = {
    "required": True,
    "metavar": "ID",
    "help": "The team's id, as `provision team` printed it.",
}
_EMAIL: Final[dict[str, Any]] = {
    "required": True,
    "metavar": "E",
    "help": "E-mail address; a new one makes an account.",
}
_SITE: Final[dict[str, Any]] = {"required": True, "metavar": "D", "help": "The site's domain or public id."}
_FEATURES: Final[dict[str, Any]] = {
    "metavar": "A,B",
    "help": "Features instead of the plan's: " + ",".join(feature.short_name for feature in Feature) + ", or none.",
}

_BASE_URL: Final[dict[str, Any]] = {"metavar": "URL", "help": "Address of the server, where BASE_URL is not set."}

# name, help, arguments
_KINDS: Final[tuple[tuple[str, str, dict[str, dict[str, Any]]], ...]] = (
    (
        "user",
        "Create or find a person; a password given is set.",
        {
            "--email": _EMAIL,
            "--password": {"metavar": "P", "help": "Without one, a new person cannot log in until it is set."},
        },
    ),
    (
        "team",
        "Create or find a team by its name and owner. The key printed has the scope sites:provision:* and is a further "
        "one on each run, since a key can be shown only once.",
        {
            "--name": {"required": True, "metavar": "N"},
            "--owner": {**_EMAIL, "help": "E-mail address of the owner; a new one makes an account."},
            "--plan": {"metavar": "PLAN", "help": "Name of a plan; the default plan has everything."},
            "--features": _FEATURES,
        },
    ),
    (
        "plan",
        "Put a team on a plan.",
        {"--team": _TEAM, "--plan": {"required": True, "metavar": "PLAN"}, "--features": _FEATURES},
    ),
    (
        "member",
        "Give a person their one role in a team.",
        {"--team": _TEAM, "--email": _EMAIL, "--role": {"required": True, "choices": [str(role) for role in Role]}},
    ),
    (
        "invitation",
        "Invite somebody to a team, by e-mail where EMAIL_URL is set. The link to accept is printed once; who is "
        "invited already gets the role given now, and no further link.",
        {
            "--team": _TEAM,
            "--email": {**_EMAIL, "help": "E-mail address to invite."},
            "--role": {"required": True, "choices": [str(role) for role in Role]},
            "--base-url": _BASE_URL,
        },
    ),
    (
        "guest",
        "Give a person a role on a single site.",
        {
            "--site": _SITE,
            "--email": _EMAIL,
            "--role": {"required": True, "choices": [str(role) for role in GuestRole]},
        },
    ),
    (
        "site",
        "Create or find a site of a team; a time zone given is set.",
        {
            "--domain": {"required": True, "metavar": "D"},
            "--team": _TEAM,
            "--timezone": {"metavar": "TZ", "help": "IANA name; a new site without one is in Etc/UTC."},
        },
    ),
    (
        "key",
        "Make an API key of a person, for a team of theirs or, with --legacy, for whatever they reach. A further one "
        "on each run, since a key can be shown only once. Or rotate or revoke a key that exists.",
        {
            "--email": {**_EMAIL, "required": False, "help": "E-mail address of an existing person."},
            "--team": {**_TEAM, "required": False, "help": "The team's id; without it, the person's only team."},
            "--scope": {"action": "append", "metavar": "S", "help": "Repeatable; stats:read:* without it."},
            "--legacy": {"action": "store_true", "help": "No team: the key reaches the sites of all their teams."},
            "--read-only": {"action": "store_true", "help": "Refused wherever something is written."},
            "--expires-in": {"type": _span, "metavar": "90d", "help": "The key lapses after this; never without it."},
            "--rotate": {"type": _number, "metavar": "ID", "help": "Make a successor of this key."},
            "--grace": {"type": _span, "metavar": "24h", "help": "How long the rotated key works on; 24h without it."},
            "--revoke": {"type": _number, "metavar": "ID", "help": "Refuse this key from now on."},
        },
    ),
    (
        "plugins-token",
        "Make a Plugins API token of a site; a further one on each run, since a token can be shown only once.",
        {"--site": _SITE},
    ),
    (
        "shared-link",
        "Create or find a link under which everybody who has it sees a site's statistics.",
        {
            "--site": _SITE,
            "--name": {"required": True, "metavar": "N", "help": "Unique among the links of the site."},
            "--expires-in": {
                "type": _span,
                "metavar": "90d",
                "help": "A new link lapses after this; never without it.",
            },
            "--base-url": _BASE_URL,
        },
    ),
)
