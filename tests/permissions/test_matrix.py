"""Who gets which status from which route: every route that takes API keys × every person and key × every site.

The tables are those of the key contract, sections 4 to 6. A new route of the URL conf needs a row in ROUTES, or, when
it takes no API key, an entry with its reason in WITHOUT_KEY; until then the suite fails. A row names the method, a path
and a body that succeed for whoever is admitted, and the action of ROLES that it is. An action that no line of ROLES
fits gets a line of its own. `POST /api/event` is answered before Django and takes anybody.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils.module_loading import import_string
from pytest_django import DjangoDbBlocker

from accounts.api.authentication import BearerAuthentication
from revenue.customer_services import CustomerPage
from revenue.models import Payment
from stats.store.client import EventStore
from tests.permissions.cast import GUESTS, PARTS, PEOPLE, STRANGER, SUPER_ADMIN, TEAM_OF, Cast, build_cast

# Section 4, for a legacy key. Guests have no business with a team's key: 401.
ROLES: Final = """
                 | owner admin editor billing viewer | guest_editor guest_viewer | super_admin
    statistics   | 200   200   200    200     200    | 200          200          | 200
    read site    | 200   200   200    404     200    | 200          200          | 404
    edit site    | 200   200   200    404     404    | 200          404          | 404
    guests       | 200   200   404    404     404    | 404          404          | 404
    delete site  | 200   404   404    404     404    | 404          404          | 404
    list         | 200   200   200    200     200    | 200          200          | 200
    create site  | 200   200   200    403     403    | 403          403          | 403
    own keys     | 200   200   200    200     200    | 200          200          | 200
    read members | 200   200   200    200     200    | 404          404          | 404
    members      | 200   200   404    404     404    | 404          404          | 404
"""
# Sections 5 and 6: what a usable key with the scope meets before the role, by kind of key; `role` is the table above,
# `viewer` its column of guest viewers. Strangers meet 401 and super admins their column, but for what is missing; a
# situation has a second line for the action that differs.
SITES: Final = """
                       | team   legacy
    own                | role   role
    other team         | 401    role
    guest              | 401    viewer
    foreign            | 401    401
    missing            | 404    404
    missing_statistics | 401    401
    locked             | 402    402
"""
# The same for routes that name no site, but may name a team; with a team's key `team_id` is ignored.
TEAMS: Final = """
                       | team   legacy
    own                | role   role
    other team         | role   role
    guest              | role   viewer
    foreign            | role   401
    missing            | role   200
    missing_create     | role   401
    locked             | 402    402
"""
# And for routes whose path names a team: a team's key opens that one, and guests of its sites are no members.
MEMBERS_OF: Final = """
                       | team   legacy
    own                | role   role
    other team         | 401    role
    guest              | 401    viewer
    foreign            | 401    401
    missing            | 404    404
    locked             | 402    402
"""
# Section 8: reads need the Stats API in the plan, writes the Sites API.
PLANS: Final = """
                       | read   write
    plan of statistics | role   402
    plan of sites      | 402    role
"""
# Section 2: what a key meets before anything is looked up; `site` is the tables above.
KEYS: Final = """
              | read   write
    stats     | site   401
    sites     | site   site
    read-only | site   403
    revoked   | 401    401
    expired   | 401    401
    unknown   | 401    401
    none      | 401    401
"""


@dataclass(frozen=True)
class Route:
    """One method of one route; `{site}`, `{key}`, … in path, query and body are filled in."""

    method: str
    path: str
    action: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def is_write(self) -> bool:
        """Tell whether the route needs the scope to provision."""
        return self.action != "statistics" and self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


OF_SITE: Final = {"site_id": "{site}"}
OF_TEAM: Final = {"team_id": "{team}"}
QUERY: Final = {**OF_SITE, "metrics": ["visitors"], "date_range": "day"}
STEPS: Final = [["is", "event:page", ["/"]], ["is", "event:name", ["Signup"]]]
TOTALS: Final = ("imported_visitors_20240101_20240101.csv", b"date,visitors\n2024-01-01,1\n")
SEGMENT: Final = {**OF_SITE, "name": "Ici", "filters": [["is", "visit:country", ["FR"]]]}
GOAL: Final = {**OF_SITE, "goal_type": "event", "event_name": "Signup"}
OF_MEMBERS: Final = "/api/v1/sites/teams/{team}/members"
ROUTES: Final = (
    Route("GET", "/api/v1/stats/realtime/visitors", "statistics", OF_SITE),
    Route("GET", "/api/v1/stats/aggregate", "statistics", {**OF_SITE, "metrics": "visitors"}),
    Route("GET", "/api/v1/stats/timeseries", "statistics", {**OF_SITE, "period": "day"}),
    Route("GET", "/api/v1/stats/breakdown", "statistics", {**OF_SITE, "property": "visit:os", "period": "day"}),
    Route("POST", "/api/v2/query", "statistics", body=QUERY),
    Route("POST", "/api/v2/funnel", "statistics", body={**OF_SITE, "date_range": "day", "steps": STEPS}),
    Route("GET", "/api/v2/funnels", "statistics", OF_SITE),
    Route("POST", "/api/v2/retention", "statistics", body={**OF_SITE, "date_range": "day"}),
    Route("POST", "/api/v2/journeys", "statistics", body={**OF_SITE, "date_range": "day"}),
    Route("POST", "/api/v1/sites/{site}/events/import", "edit site", body=b""),
    Route("POST", "/api/v1/sites/{site}/aggregates/import", "edit site", {"filename": TOTALS[0]}, TOTALS[1]),
    Route("GET", "/api/v1/sites", "list", OF_TEAM),
    Route("POST", "/api/v1/sites", "create site", body={**OF_TEAM, "domain": "new.example"}),
    Route("GET", "/api/v1/sites/teams", "list", OF_TEAM),
    Route("GET", "/api/v1/sites/keys", "list", OF_TEAM),
    Route("DELETE", "/api/v1/sites/keys/{key}", "own keys", OF_TEAM),
    Route("GET", OF_MEMBERS, "read members"),
    Route("PUT", OF_MEMBERS, "members", body={"email": "new@matrix.example", "role": "viewer"}),
    Route("DELETE", OF_MEMBERS + "/new@matrix.example", "members"),
    Route("GET", "/api/v1/sites/{site}", "read site"),
    Route("PUT", "/api/v1/sites/{site}", "edit site", body={"domain": "new.example"}),
    Route("DELETE", "/api/v1/sites/{site}", "delete site"),
    Route("GET", "/api/v1/sites/goals", "read site", OF_SITE),
    Route("PUT", "/api/v1/sites/goals", "edit site", body=GOAL),
    Route("DELETE", "/api/v1/sites/goals/{goal}", "edit site", OF_SITE),
    Route("GET", "/api/v1/sites/segments", "read site", OF_SITE),
    Route("PUT", "/api/v1/sites/segments", "read site", body={**SEGMENT, "type": "personal"}),
    Route("PUT", "/api/v1/sites/segments", "edit site", body={**SEGMENT, "type": "site"}),
    Route("GET", "/api/v1/sites/segments/{segment}", "read site", OF_SITE),
    Route("PUT", "/api/v1/sites/segments/{segment}", "edit site", body={**OF_SITE, "name": "Hier"}),
    Route("DELETE", "/api/v1/sites/segments/{segment}", "edit site", OF_SITE),
    Route("GET", "/api/v1/sites/annotations", "read site", OF_SITE),
    Route("PUT", "/api/v1/sites/annotations", "edit site", body={**OF_SITE, "date": "2025-03-10", "text": "Fête"}),
    Route("PUT", "/api/v1/sites/annotations/{annotation}", "edit site", body={**OF_SITE, "text": "Fête"}),
    Route("DELETE", "/api/v1/sites/annotations/{annotation}", "edit site", OF_SITE),
    Route("GET", "/api/v1/sites/custom-props", "read site", OF_SITE),
    Route("PUT", "/api/v1/sites/custom-props", "edit site", body={**OF_SITE, "property": "author"}),
    Route("DELETE", "/api/v1/sites/custom-props/author", "edit site", body=OF_SITE),
    Route("PUT", "/api/v1/sites/shared-links", "edit site", body={**OF_SITE, "name": "Board"}),
    Route("GET", "/api/v1/sites/guests", "read site", OF_SITE),
    Route("PUT", "/api/v1/sites/guests", "guests", body={**OF_SITE, "email": "new@matrix.example", "role": "viewer"}),
    Route("DELETE", "/api/v1/sites/guests/new@matrix.example", "guests", OF_SITE),
)
SALE: Final = {"transaction_id": "t", "amount": 5, "currency": "EUR", "visitor_id": "ann"}
# The Goals & Revenue API: any key reads, editors write with any scope, and 404 stands for every site that is not open.
GOALS_REVENUE: Final = (
    Route("GET", "/api/v1/goals", "statistics", OF_SITE),
    Route("POST", "/api/v1/goals", "edit site", OF_SITE, {"name": "Achat", "visitor_id": "ann"}),
    Route("GET", "/api/v1/goals/Achat/completions", "statistics", OF_SITE),
    Route("GET", "/api/v1/goals/Achat/breakdown", "statistics", OF_SITE),
    Route("POST", "/api/v1/visitors/ann/identify", "edit site", OF_SITE, {"user_id": "u42"}),
    Route("GET", "/api/v1/revenue", "statistics", OF_SITE),
    Route("GET", "/api/v1/revenue/timeseries", "statistics", OF_SITE),
    Route("GET", "/api/v1/revenue/overview", "statistics", OF_SITE),
    Route("GET", "/api/v1/revenue/mrr", "statistics", OF_SITE),
    Route("GET", "/api/v1/revenue/breakdown", "statistics", OF_SITE),
    Route("GET", "/api/v1/revenue/paths", "statistics", OF_SITE),
    Route("GET", "/api/v1/revenue/cohorts", "statistics", OF_SITE),
    Route("GET", "/api/v1/customers", "statistics", OF_SITE),
    Route("GET", "/api/v1/customers/ann", "statistics", OF_SITE),
    Route("GET", "/api/v1/visitors/ann/journey", "statistics", OF_SITE),
    Route("DELETE", "/api/v1/visitors/ann", "edit site", OF_SITE),
    Route("GET", "/api/v1/payments", "statistics", OF_SITE),
    Route("POST", "/api/v1/payments", "edit site", OF_SITE, SALE),
    Route("POST", "/api/v1/payments/batch", "edit site", OF_SITE, {"payments": [{"transaction_id": "t"}]}),
    Route("GET", "/api/v1/payments/t", "statistics", OF_SITE),
    Route("DELETE", "/api/v1/payments/t", "edit site", OF_SITE),
    Route("PUT", "/api/v1/products", "edit site", OF_SITE, {"product_name": "Pro", "interval": "year"}),
)
STORED: Final = {"payment_type": "one_time", "amount_micros": 0, "currency": "EUR", "paid_at": datetime.now(UTC)}
SUCCESS: Final = {
    ("POST", "/api/v1/goals"): 201,
    ("POST", "/api/v1/payments"): 201,
    ("DELETE", "/api/v1/visitors/ann"): 202,
}
OF_EACH_STANDING: Final = ("owner", "viewer", "guest editor", STRANGER, SUPER_ADMIN)
NAMES_TEAM: Final = {"list", "create site", "own keys"}  # the actions that need no site
PATH_OF_TEAM: Final = {"read members", "members"}
# Routes that no API key opens, by the beginning of their pattern.
WITHOUT_KEY: Final = {
    "": "the root sends a browser to the admin",
    "admin/": "people log in by password",
    "^api/schema/?$": "the OpenAPI document, public",
    "^api/docs/?$": "the reference page, public",
    r"api/docs/query/schema\.json$": "the JSON Schema of a query, public",
    "api/docs/query/?$": "people who are logged in; their roles are in tests/stats/api/test_session_query.py",
    "api/plugins/": "a token opens its one site, no key does: tests/goals/api/plugins/test_authentication.py",
    "api/health": "for load balancers, tells no data of sites",
    "^api/": "answers 404 to whatever no other route serves",
    "invitations/<str:token>": "whoever has the token of an invitation accepts it",
    "^webhooks/(?P<provider>[^/]+)/(?P<token>[^/]+)/?$": "the provider signs: tests/revenue/test_webhooks.py",
    "js/": "the tracker script, for everybody's browser",
}


def table(text: str) -> dict[str, dict[str, str]]:
    """Return the cells of a table by row and column."""
    head, *rows = (line for line in text.strip("\n").splitlines())
    columns = [name.replace("_", " ") for name in head.replace("|", " ").split()]
    cells = {}
    for row in rows:
        name, _, rest = row.partition("|")
        cells[name.strip()] = dict(zip(columns, rest.replace("|", " ").split(), strict=True))
    return cells


BY_ROLE, BY_SITE, BY_TEAM, BY_MEMBERS, BY_PLAN, BY_KEY = map(table, (ROLES, SITES, TEAMS, MEMBERS_OF, PLANS, KEYS))


def expected(route: Route, person: str, kind: str, situation: str) -> int:
    """Return the status that the tables hold for one request."""
    if route in GOALS_REVENUE:
        return _expected_of_goals_revenue(route, person, kind, situation)
    use = "write" if route.is_write else "read"
    owner, _, scope = kind.rpartition(" ")
    if (cell := BY_KEY[scope][use]) != "site":
        return int(cell)
    if person in {STRANGER, *GUESTS} and owner == "team":
        return 401
    by_owner = _situation(route, situation)
    cell = by_owner[owner or "legacy"] if by_owner else BY_PLAN[situation][use]
    if situation == "missing" and cell != "role":
        return int(cell)
    if person == STRANGER:
        return 401
    if person != SUPER_ADMIN and cell not in {"role", "viewer"}:
        return int(cell)
    return int(BY_ROLE[route.action]["guest viewer" if cell == "viewer" and person != SUPER_ADMIN else person])


def _expected_of_goals_revenue(route: Route, person: str, kind: str, situation: str) -> int:
    """Return what the tables hold for a read of the same action, in this family's statuses."""
    owner, _, scope = kind.rpartition(" ")
    if (cell := BY_KEY[scope]["write" if route.is_write else "read"]) != "site" and scope != "stats":
        return int(cell)
    status = expected(Route("GET", route.path, route.action), person, f"{owner} sites".strip(), situation)
    done = SUCCESS.get((route.method, route.path), 200)
    return {401: 404, 200: done}.get(status, status)


def _situation(route: Route, situation: str) -> dict[str, str] | None:
    """Return a situation's cells, those of its own line where the route's action has one; None for plans."""
    cells = BY_TEAM if route.action in NAMES_TEAM else BY_MEMBERS if route.action in PATH_OF_TEAM else BY_SITE
    own_line = f"{situation}_{route.action.partition(' ')[0]}"
    return cells.get(own_line, cells.get(situation))


def cases() -> Iterator[tuple[str, str, str]]:
    """Yield person, kind of key and situation: all roles and all keys only where they can make a difference."""
    for situation in TEAM_OF:
        for person in PEOPLE if situation in {"own", "other team", "guest"} else OF_EACH_STANDING:
            kinds = ["team sites", "legacy sites"]
            if situation in {"own", "foreign", "missing"}:
                kinds += ["team stats", "legacy stats"]
            yield from ((person, kind, situation) for kind in kinds)
        if situation in {"own", "foreign", "missing", "locked"}:
            yield from (("owner", kind, situation) for kind in ("read-only", "revoked", "expired", "unknown", "none"))


@pytest.fixture(scope="module")
def matrix_cast(django_db_setup: None, django_db_blocker: DjangoDbBlocker, store: EventStore) -> Iterator[Cast]:
    """The cast, saved once and rolled back after the last test."""
    before = settings.SUPER_ADMIN_USER_IDS
    with django_db_blocker.unblock(), transaction.atomic():
        yield build_cast()
        transaction.set_rollback(True)
    settings.SUPER_ADMIN_USER_IDS = before


def send(client: Client, route: Route, names: Mapping[str, str], key: str) -> int:
    """Send one request and return its status; what it writes is rolled back. A name that is not given is left out."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: text for name, one in value.items() if (text := filled(one)) is not None}
        if isinstance(value, str) and value.startswith("{"):
            return names.get(value.strip("{}"))
        return value

    body = filled(route.body)
    with transaction.atomic():
        answer = client.generic(
            route.method,
            route.path.format_map({name: quote(text, safe="") for name, text in names.items()}),
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            query_params=filled(route.query),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        transaction.set_rollback(True)
    return answer.status_code


@pytest.fixture(autouse=True)
def _engines_work_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test's first query and import be real and the others answer the same: only the gates count here."""
    for name in (
        "stats.api.answers.run_query",
        "stats.api.imports.import_events",
        *(f"goals.api.goals.{read}" for read in ("conversions_by_goal", "completions_of", "conversions_by")),
        *(f"stats.api.analyses.run_{name}" for name in ("funnel", "retention", "journeys")),
        "stats.api.aggregates.import_totals",
        *(f"revenue.api.revenue.{read}" for read in ("summary_of", "series_rows", "overview_of", "balance_rows")),
        *(f"revenue.api.attribution.{read}" for read in ("breakdown", "purchase_paths")),
        "revenue.api.cohorts.cohorts",
        "revenue.api.visitors.visitor_journey",
    ):
        monkeypatch.setattr(name, _once(import_string(name)))
    monkeypatch.setattr("revenue.reports.Report.warning", "")
    monkeypatch.setattr("revenue.api.payments.payment_named", lambda *_, **__: Payment(**STORED))
    monkeypatch.setattr("revenue.api.payments.void_payment", lambda *_, **__: Payment(**STORED))
    monkeypatch.setattr("revenue.api.customers.CustomerBook.page", lambda *_: CustomerPage((), None, 0))
    monkeypatch.setattr("revenue.api.customers.CustomerBook.one", lambda *_: SimpleNamespace(following=None))
    monkeypatch.setattr("revenue.api.customers.customer_record", lambda *_: {})
    monkeypatch.setattr("goals.api.goals.record_completion", lambda *_, **__: True)
    monkeypatch.setattr("revenue.api.visitors.identify_visitor", lambda *_: None)


def _once(work: Callable[..., object]) -> Callable[..., object]:
    done: list[object] = []

    def answer(*args: object, **options: object) -> object:
        if not done:
            done.append(work(*args, **options))
        return done[0]

    return answer


@pytest.mark.django_db
@pytest.mark.parametrize("route", (*ROUTES, *GOALS_REVENUE), ids=str)
def test_route_answers_everybody_as_the_tables_say(route: Route, matrix_cast: Cast, client: Client) -> None:
    differing = {}
    for person, kind, situation in cases():
        status = send(client, route, matrix_cast.names(situation, person), matrix_cast.key(person, kind, situation))
        if status != expected(route, person, kind, situation):
            differing[person, kind, situation] = (status, expected(route, person, kind, situation))
    assert differing == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "route",
    [
        one
        for one in ROUTES
        if OF_SITE.items() <= {**one.query, **(one.body if isinstance(one.body, dict) else {})}.items()
    ],
    ids=str,
)
def test_route_without_its_site_id_is_400_before_the_key_is_looked_at(
    route: Route, matrix_cast: Cast, client: Client
) -> None:
    statuses = {
        kind: send(client, route, dict.fromkeys(PARTS, "1"), matrix_cast.key("owner", kind, "own"))
        for kind in ("legacy sites", "team stats", "revoked", "unknown", "none")
    }
    assert statuses == {"legacy sites": 400, "team stats": 400, "revoked": 400, "unknown": 400, "none": 401}


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every pattern of the URL conf, whole, with its view; what is under a route without a key is left out."""
    for entry in resolver.url_patterns:
        route = before + (str(entry.pattern).removeprefix("^") if before else str(entry.pattern))
        if isinstance(entry, URLPattern):
            yield route, entry.callback
        elif route in WITHOUT_KEY:
            yield route, None
        else:
            yield from patterns(entry, route)


def key_routes() -> tuple[set[tuple[str, str]], set[str]]:
    """Return method and pattern of every route that takes API keys, and the patterns of those that take none."""
    with_key, without = set(), set()
    for route, view in patterns(get_resolver()):
        cls = getattr(view, "cls", None)
        if cls is not None and BearerAuthentication in cls.authentication_classes:
            methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(cls, name)}
            with_key |= {(method, route) for method in methods}
        else:
            without.add(route)
    return with_key, without


def test_every_route_has_a_row_or_a_reason_to_take_no_key() -> None:
    with_key, without = key_routes()
    rows = {
        (
            route.method,
            resolve(route.path.format(site="shop.example", team="x", key=1, **dict.fromkeys(PARTS, 1))).route,
        )
        for route in (*ROUTES, *GOALS_REVENUE)
    }
    assert with_key == rows
    assert without == set(WITHOUT_KEY)


def test_tables_hold_every_person_and_every_status_that_the_contract_knows() -> None:
    assert {*next(iter(BY_ROLE.values())), STRANGER} == set(PEOPLE)
    statuses = {expected(route, *case) for route in ROUTES for case in cases()}
    assert statuses == {200, 401, 402, 403, 404}
