"""`manage.py quickstart`: from nothing to a served site with a month of made-up traffic, and questions to ask it."""

import secrets
import shlex
import socket
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError
from tqdm import tqdm

from accounts import services
from accounts.models import Membership, Site, Team, User
from accounts.selectors import site_ref
from accounts.types import Role, Scope
from analytics_project import clock
from analytics_project.errors import AppError
from goals.models import Goal
from stats.import_services import import_events, recover_imports
from stats.query.build import build_query
from stats.query.run import run_query
from stats.query.types import InstantPair, QueryParams
from stats.sample_traffic import CURRENCY, HOSTNAME, PURCHASE, SIGNUP, SampleEvent, sample_events
from stats.services import event_store
from stats.store.migrations import migrate

DEFAULT_PORT: Final = 8000
EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound here
OPERATOR: Final = f"operator@{HOSTNAME}"
TEAM: Final = "Sample"
SAMPLE_SPAN: Final = timedelta(days=30)
LINES_PER_READ: Final = 500


class Command(BaseCommand):
    help = (
        "Start Footfall for a first look: bring both stores up to date, make an operator, a site marked as sample with "
        "30 days of made-up traffic, and a key; then serve. Running it again keeps all that, adds the sample traffic "
        "of the hours since, and makes a further key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)")
        parser.add_argument("--no-serve", action="store_true", help="prepare everything and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, say what can be done next, serve. Raises: CommandError, one sentence, for what stands in the way."""
        host, port = options["host"], options["port"]
        if not options["no_serve"]:
            _check_free(host, port)
        try:
            self._prepare(f"http://{'127.0.0.1' if host in EVERY_ADDRESS else host}:{port}")
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except OperationalError as problem:
            raise CommandError(f"the relational store cannot be used: {problem}") from problem
        if options["no_serve"]:
            self.stdout.write(f"Nothing is served yet. Start with: python manage.py serve --host {host} --port {port}")
        else:
            call_command("serve", host=host, port=port, stdout=self.stdout)

    def _prepare(self, url: str) -> None:
        self._say("Preparing the stores …")
        call_command("migrate", verbosity=0, stdout=self.stdout)
        migrate(event_store())
        recover_imports(event_store())
        operator, password = _operator()
        site = _site(operator)
        added = self._load(site)
        key = services.issue_key(
            operator, site.team, name="quickstart", scopes=[Scope.STATS_READ, Scope.SITES_PROVISION]
        ).text
        changes_it = f"manage.py changepassword {operator.email}"
        self._say(
            "",
            self.style.MIGRATE_HEADING("Footfall is ready."),
            "",
            f"  Site      {site.domain}, marked as sample: all its traffic is made up",
            f"            {added}",
            f"  Key       {key}",
            "            shown only now; each run of quickstart makes a further one",
            f"  Admin     {url}/admin/",
            f"  Log in    {operator.email}",
            f"  Password  {password or 'as shown at the first run'}",
            f"            {'shown only now; ' if password else ''}{changes_it} sets another",
            "",
            self.style.MIGRATE_HEADING("Ask it something, in another terminal:"),
            "",
        )
        for question, command in _questions(url, site.domain, key):
            self._say(f"  # {question}", f"  {command}", "")

    def _load(self, site: Site) -> str:
        """Load the sample traffic that is missing up to now, and say how much that was."""
        now = clock.now().replace(microsecond=0)
        events = list(sample_events(_loaded_until(site, now), now))
        if not events:
            return "nothing is missing since the last run"
        with tqdm(total=len(events), desc="Sample traffic", unit=" events", disable=None) as bar:
            summary = import_events(event_store(), site_ref(site), _Body(events, bar))
        return f"{summary.imported:,} events in {summary.visits:,} visits were added"

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.stdout.write(line)
        self.stdout.flush()


class _Body:
    """Events as the body of an upload, read in blocks of lines while a progress bar counts them."""

    def __init__(self, events: Sequence[SampleEvent], bar: "tqdm[Any]") -> None:
        self._blocks = (events[start : start + LINES_PER_READ] for start in range(0, len(events), LINES_PER_READ))
        self._bar = bar
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        if not self._rest:
            block = next(self._blocks, [])
            self._bar.update(len(block))
            self._rest = b"".join(orjson.dumps(event) + b"\n" for event in block)
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


def _check_free(host: str, port: int) -> None:
    """Refuse, before anything is done, an address on which the server could not listen."""
    if not 0 < port < 65536:
        raise CommandError(f"there is no port {port}: name one from 1 to 65535 with --port")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        raise CommandError(
            f"cannot listen on {host}, port {port} ({problem}): name another with --port, or stop what listens there"
        ) from problem


def _operator() -> tuple[User, str]:
    """Return the person who may do everything, and the password that a new one was given, else nothing."""
    known = User.objects.filter(email=OPERATOR).first()
    if known is not None:
        return known, ""
    password = secrets.token_urlsafe(12)
    return User.objects.create_superuser(OPERATOR, password), password


def _site(operator: User) -> Site:
    """Find or create the sample site, its team and goals. Raises: InvalidRequest when another team has its domain."""
    membership = Membership.objects.select_related("team").filter(user=operator, role=Role.OWNER).first()
    team: Team = services.create_team(TEAM, operator) if membership is None else membership.team
    site = Site.objects.filter(domain=HOSTNAME, team=team).first()
    if site is None:
        site = services.create_site(HOSTNAME, team, currency=CURRENCY, is_sample=True)
    for event_name, currency in ((SIGNUP, ""), (PURCHASE, CURRENCY)):
        if not Goal.objects.filter(site=site, event_name=event_name).exists():
            Goal.objects.create(site=site, event_name=event_name, currency=currency)
    return site


def _loaded_until(site: Site, now: datetime) -> datetime:
    """Return the end of the last hour that has events, at most 30 days ago: from there on traffic is missing."""
    oldest = now - SAMPLE_SPAN
    params = QueryParams(("events",), InstantPair(oldest, now), ("time:hour",))
    result = run_query(event_store(), build_query(params, site_ref(site), now))
    hours = [str(row.dimensions[0]) for row in result.rows if row.metrics[0]]
    if not hours:
        return oldest
    return min(now, datetime.fromisoformat(max(hours)).replace(tzinfo=now.tzinfo) + timedelta(hours=1))


def _questions(url: str, domain: str, key: str) -> Iterator[tuple[str, str]]:
    """Yield three questions in words, each with the command that asks it."""
    authorization = f"-H 'Authorization: Bearer {key}'"
    yield (
        "visitors of the last five minutes",
        f"curl {authorization} '{url}/api/v1/stats/realtime/visitors?site_id={domain}'",
    )
    yield (
        "the last 30 days, in sum",
        f"curl {authorization} '{url}/api/v1/stats/aggregate?site_id={domain}&period=30d"
        "&metrics=visitors,visits,pageviews,bounce_rate,visit_duration'",
    )
    query = {
        "site_id": domain,
        "date_range": "30d",
        "metrics": ["visitors", "pageviews"],
        "dimensions": ["visit:source"],
        "pagination": {"limit": 5},
    }
    yield (
        "where visitors came from",
        f"curl {authorization} -H 'Content-Type: application/json' "
        f"-d {shlex.quote(orjson.dumps(query).decode())} {url}/api/v2/query",
    )
