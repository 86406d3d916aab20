"""The sites of a team together, under the team's id: key contract, sections 5 and 8; Stats API contract, 1.1."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from accounts.api.throttles import request_counters
from accounts.models import Membership, Site, Team
from accounts.selectors import actor_for, site_for, site_ref
from accounts.services import IssuedKey
from accounts.types import Feature, Role, Scope, SiteRef
from analytics_project.errors import InvalidQuery
from stats.api.answers import answer
from stats.query.build import build_query
from stats.query.parse_v2 import parse_v2
from stats.query.run import QueryResult
from stats.query.types import QueryParams
from stats.store.client import EventStore
from tests.factories import make_goal, make_guest, make_key, make_member, make_segment, make_site, make_team, owner_of
from tests.stats.query.every_query import every_query
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import DAY, engagement, pageview, record

pytestmark = pytest.mark.django_db

BLOG = (
    pageview("08:59", "w1", "/blog", "blog.example", browser="Firefox", country_code="EE", source="Bing"),
    pageview("09:10", "w1", "/pricing", "blog.example"),
    engagement("09:11", "w1", "/pricing", 60, 30),
    pageview("23:50", "w2", "/", "blog.example", browser="Chrome"),
    pageview("2025-03-11 00:05", "w2", "/late", "blog.example"),
    pageview("2025-03-09 10:00", "w3", "/early", "blog.example"),
)


@pytest.fixture(autouse=True)
def _on_the_day() -> Iterator[None]:
    request_counters.cache_clear()
    with time_machine.travel(f"{DAY}T23:58:00Z", tick=False):
        yield
    request_counters.cache_clear()


@pytest.fixture
def team() -> Team:
    return make_team()


class Shops:
    """Two sites of a team with the contract's fixture A and a few visits more, and one of others beside them."""

    def __init__(self, store: EventStore, team: Team, *zones: str) -> None:
        self.store, self.team = store, team
        self.sites = [make_site(team, timezone=zone) for zone in zones]
        for site, hits in zip(self.sites, (FIXTURE_A, BLOG), strict=False):
            record(store, site.pk, hits, zone=site.timezone)
        foreign = make_site(timezone="Etc/UTC")
        record(store, foreign.pk, FIXTURE_A)
        self.key = make_key(team=team)

    @property
    def view(self) -> SiteRef:
        """Return the view as a key of the team gets it."""
        actor = actor_for(self.key.record)
        return site_for(actor, str(self.team.identifier), Scope.STATS_READ, admits_views=True)

    def post(self, key: IssuedKey | None = None, **more: Any) -> tuple[int, Any]:
        """Return status and body of a v2 request about the view."""
        body = {"site_id": str(self.team.identifier), "metrics": ["visitors"], "date_range": [DAY, DAY], **more}
        headers = {"authorization": f"Bearer {(key or self.key).text}"}
        found = Client().post("/api/v2/query", orjson.dumps(body), content_type="application/json", headers=headers)
        return found.status_code, found.json()

    def total(self, *metrics: str, **more: Any) -> list[Any]:
        """Return the metrics of the one row without dimensions."""
        status, body = self.post(metrics=list(metrics), **more)
        assert status == 200, body
        return list(body["results"][0]["metrics"])


MakeShops = Callable[..., Shops]


@pytest.fixture
def shops(store: EventStore, team: Team) -> MakeShops:
    return lambda *zones: Shops(store, team, *(zones or ("Etc/UTC", "Etc/UTC")))


def answers(site: SiteRef, *, each: int) -> dict[QueryParams, QueryResult]:
    found = {}
    for params in islice(every_query(), 0, None, each):
        try:
            found[params] = answer(site, params)
        except InvalidQuery:
            continue
    return found


# ---- Numbers ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("zones", [("Etc/UTC", "Etc/UTC"), ("Asia/Kolkata", "America/St_Johns", "America/St_Johns")])
def test_view_answers_what_one_site_with_all_the_rows_answers(
    shops: MakeShops, store: EventStore, zones: tuple[str, ...]
) -> None:
    view = shops(*zones).view
    assert view.timezone == zones[-1]
    together = make_site(timezone=view.timezone)
    record(store, together.pk, [*FIXTURE_A, *BLOG], zone=together.timezone)
    expected = answers(site_ref(together), each=9)
    found = answers(view, each=9)
    assert {params: result.rows for params, result in found.items()} == {
        params: result.rows for params, result in expected.items()
    }
    assert sum(bool(result.rows) for result in found.values()) > 50


def test_numbers_are_those_of_the_sites_and_of_no_others(shops: MakeShops, store: EventStore) -> None:
    of = shops()
    parts = [answer(site_ref(site), _params("visits", "pageviews")).rows[0].metrics for site in of.sites]
    assert of.total("visits", "pageviews") == [sum(map(int, pair)) for pair in zip(*parts, strict=True)]
    before = of.total("visitors", "visits", "pageviews")
    record(store, make_site().pk, [pageview("10:00", "x")])
    assert of.total("visitors", "visits", "pageviews") == before
    record(store, make_site(of.team, timezone="Etc/UTC").pk, [pageview("10:00", "x")])
    assert of.total("visitors", "visits", "pageviews") == [number + 1 for number in before]


def test_whole_days_are_counted_from_visits_where_all_sites_share_a_zone(shops: MakeShops) -> None:
    now = datetime.now(UTC)
    assert build_query(_params("visitors"), shops().view, now).whole_days is not None
    assert build_query(_params("visitors"), shops("Etc/UTC", "Asia/Kolkata").view, now).whole_days is None


def _params(*metrics: str) -> QueryParams:
    return parse_v2({"site_id": "x", "metrics": list(metrics), "date_range": [DAY, DAY]})


def test_reset_and_deleted_sites_are_left_out(shops: MakeShops) -> None:
    of = shops()
    make_site(of.team, timezone="Etc/UTC")
    shop, blog = of.sites
    alone = answer(site_ref(shop), _params("visits", "pageviews")).rows[0].metrics
    both = of.total("visits", "pageviews")
    blog.stats_reset_at = datetime(2025, 3, 10, 23, 0, tzinfo=UTC)
    blog.save()
    assert of.total("visits", "pageviews") == [int(alone[0]) + 1, int(alone[1]) + 1]  # type: ignore[arg-type]
    assert of.total("visits", "pageviews", dimensions=[], date_range=["2025-03-01", DAY]) == of.total(
        "visits", "pageviews"
    )
    by_page = {"filters": [["is", "event:page", ["/pricing", "/blog"]]]}
    with_blog = of.total("pageviews", **by_page)
    blog.stats_reset_at = datetime(2025, 3, 1, tzinfo=UTC)
    blog.save()
    assert of.total("visits", "pageviews") == both
    assert of.total("pageviews", **by_page) == [with_blog[0] + 2]
    blog.delete()
    assert of.total("visits", "pageviews") == list(alone)


def test_range_of_all_begins_with_the_first_event_of_any_site(shops: MakeShops) -> None:
    status, body = shops("Europe/Berlin", "Europe/Berlin").post(date_range="all")
    assert (status, body["query"]["date_range"][0]) == (200, "2025-03-09T00:00:00+01:00")


def test_zone_is_that_of_most_sites_and_of_the_oldest_where_they_are_as_many(shops: MakeShops) -> None:
    of = shops("Asia/Kolkata", "America/St_Johns")
    assert of.view.timezone == "Asia/Kolkata"
    make_site(of.team, timezone="America/St_Johns")
    assert of.view.timezone == "America/St_Johns"


def test_goals_and_segments_of_the_sites_are_not_the_views(shops: MakeShops) -> None:
    of = shops()
    make_goal(of.sites[0], event_name="Signup")
    segment = make_segment(of.sites[0], ["is", "visit:browser", ["Chrome"]])
    for filters in ([["is", "event:goal", ["Signup"]]], [["is", "segment", [segment.pk]]]):
        assert of.post(filters=filters)[0] == 400
    assert of.post(dimensions=["event:goal"])[1]["results"] == []
    assert of.post(include={"imports": True})[1]["meta"]["imports_included"] is False


# ---- Rights ----------------------------------------------------------------------------------------------------------
def test_members_of_the_team_see_it_and_nobody_else(shops: MakeShops, settings: LazySettings) -> None:
    of = shops()
    guest, stranger, gone = make_guest(of.sites[0]), make_member(make_team()), make_member(of.team)
    make_guest(of.sites[1], guest)
    by_gone = make_key(gone, of.team)
    Membership.objects.filter(user=gone).delete()
    foreign = make_team(owner_of(of.team))
    for role in Role:
        member = make_member(of.team, role=role)
        assert of.post(make_key(member, of.team))[0] == of.post(make_key(member))[0] == 200
    refused = (make_key(guest), make_key(stranger), by_gone, make_key(team=foreign))
    answers = [of.post(key) for key in refused]
    assert answers == [of.post(site_id="00000000-0000-4000-8000-000000000000")] * len(refused)
    assert answers[0][0] == 401
    settings.SUPER_ADMIN_USER_IDS = frozenset({str(stranger.pk)})
    assert of.post(make_key(stranger))[0] == 200


def test_only_the_teams_id_as_it_is_shown_names_the_view(shops: MakeShops) -> None:
    of = shops()
    name = str(of.team.identifier)
    assert of.post(site_id=f" {name.upper()} ")[1]["query"]["site_id"] == name.upper()
    for other in (name.replace("-", ""), f"{{{name}}}", f"urn:uuid:{name}", f"{name}\0", name[:-1]):
        assert of.post(site_id=other)[0] == 401


def test_team_needs_two_sites_and_the_features(shops: MakeShops) -> None:
    of = shops()
    for lacking, word in ((Feature.CONSOLIDATED_VIEW, "consolidated views"), (Feature.STATS_API, "Stats API")):
        of.team.feature_override = [one.value for one in Feature if one is not lacking]
        of.team.save()
        status, body = of.post()
        assert (status, word in body["error"]) == (402, True)
        assert of.post(make_key())[0] == 401
    of.team.feature_override, of.team.is_locked = None, True
    of.team.save()
    assert of.post()[0] == 402
    of.team.is_locked = False
    of.team.save()
    of.sites[0].delete()
    assert of.post()[0] == 401


def test_no_other_endpoint_takes_a_view(shops: MakeShops) -> None:
    of = shops()
    of.key = make_key(team=of.team, scopes=[Scope.SITES_PROVISION])
    name, client = str(of.team.identifier), Client(headers={"authorization": f"Bearer {of.key.text}"})
    paths = [f"stats/{path}?site_id={name}&property=visit:os" for path in ("aggregate", "timeseries", "breakdown")]
    paths += [f"stats/realtime/visitors?site_id={name}", f"sites/{name}", f"sites/goals?site_id={name}"]
    assert {path: client.get(f"/api/v1/{path}").status_code for path in paths} == dict.fromkeys(paths, 400)
    assert client.put(f"/api/v1/sites/{name}", {"domain": "a.example"}, "application/json").status_code == 400
    assert client.delete(f"/api/v1/sites/{name}").status_code == 400
    assert client.post(f"/api/v1/sites/{name}/events/import", b"", "application/x-ndjson").status_code == 400
    assert len(client.get("/api/v1/sites").json()["sites"]) == 2
    taken = client.post("/api/v1/sites", {"domain": name}, "application/json")
    assert (taken.status_code, "already been taken" in taken.json()["error"]) == (400, True)
    assert Site.objects.filter(team=of.team).count() == 2


def test_query_of_a_view_counts_on_its_team(shops: MakeShops) -> None:
    of = shops()
    legacy = make_key(owner_of(of.team))
    of.team.hourly_limit_override = 1
    of.team.save()
    assert of.post(legacy)[0] == 200
    assert of.post()[0] == 429


def test_person_who_is_logged_in_may_ask_of_it(shops: MakeShops) -> None:
    of = shops()
    body = {"site_id": str(of.team.identifier), "metrics": ["visitors"], "date_range": [DAY, DAY]}
    for role, status in ((Role.EDITOR, 200), (Role.VIEWER, 404)):
        client = Client()
        client.force_login(make_member(of.team, role=role))
        assert client.post("/api/docs/query", body, "application/json").status_code == status
