from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import Site
from tests.factories import make_goal, make_site
from tests.goals.api.plugins.conftest import ROOT, Plugin, ids, make_plugin

pytestmark = pytest.mark.django_db

BASE = "https://stats.example.org"


def follow(call: Plugin, answer: tuple[int, Any], link: str) -> tuple[int, Any]:
    url: str = answer[1]["meta"]["pagination"]["links"][link]["url"]
    return call("GET", url.removeprefix(BASE + ROOT))


@pytest.fixture(autouse=True)
def _base_url(settings: LazySettings) -> None:
    settings.BASE_URL = BASE


@pytest.mark.parametrize("path", ["/goals", "/shared_links", "/funnels"])
def test_empty_list_is_one_page(call: Plugin, path: str) -> None:
    status, body = call("GET", path)
    pagination = {"has_next_page": False, "has_prev_page": False, "links": {}}
    assert (status, body) == (200, {path.strip("/"): [], "meta": {"pagination": pagination}})


def test_five_goals_are_read_forth_and_back_in_pages_of_two(call: Plugin, site: Site) -> None:
    numbers = [make_goal(site, event_name=name).pk for name in "abcde"][::-1]
    first = call("GET", "/goals?limit=2&z=%C3%A9&a=1&a=0")
    second = follow(call, first, "next")
    third = follow(call, second, "next")
    assert [ids(first), ids(second), ids(third)] == [numbers[:2], numbers[2:4], numbers[4:]]
    url = first[1]["meta"]["pagination"]["links"]["next"]["url"]
    assert url.startswith(f"{BASE}{ROOT}/goals?a=1&a=0&after=")
    assert url.endswith("&limit=2&z=%C3%A9")
    assert [*first[1]["meta"]["pagination"]["links"]] == ["next"]
    assert [*second[1]["meta"]["pagination"]["links"]] == ["next", "prev"]
    assert [*third[1]["meta"]["pagination"]["links"]] == ["prev"]
    assert follow(call, second, "prev") == first
    assert follow(call, third, "prev") == second
    new = make_goal(site, event_name="f").pk
    assert ids(follow(call, first, "next")) == numbers[2:4]  # a cursor survives inserts
    assert ids(call("GET", "/goals?limit=2")) == [new, numbers[0]]


@pytest.mark.parametrize(
    ("limit", "size"), [("", 10), ("limit=1", 1), ("limit=100", 12), ("limit=101", 10), ("limit=0", 10)]
)
def test_limit_out_of_range_means_ten(call: Plugin, site: Site, limit: str, size: int) -> None:
    for number in range(12):
        make_goal(site, event_name=f"{number}")
    assert len(ids(call("GET", f"/goals?{limit}"))) == size
    assert len(ids(call("GET", f"/goals?limit=-5{'9' * 5000}"))) == 10


@pytest.mark.parametrize("limit", ["", "ten", "1.5", "%00", "1e3", "٣"])
def test_limit_that_is_no_whole_number_is_422(bearer: Plugin, limit: str) -> None:
    assert bearer("GET", f"/goals?limit={limit}") == (422, {"errors": {"limit": ["must be a whole number"]}})


@pytest.mark.parametrize(
    "cursor", ["nonsense", "%00", "Z29hbDo", "Z29hbDotMQ", "bGluazox", "Z29hbDo5OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_corrupt_cursor_is_400(call: Plugin, bearer: Plugin, cursor: str) -> None:
    for name in ("after", "before"):
        assert call("GET", f"/goals?{name}={cursor}") == (
            400,
            {"errors": [{"detail": f"{name}: is not a cursor of this list"}]},
        )
        assert bearer("GET", f"/goals?{name}={cursor}") == (400, {"error": f"{name}: is not a cursor of this list"})


def test_without_a_configured_address_links_name_the_one_that_was_asked(settings: LazySettings) -> None:
    settings.BASE_URL = ""
    site = make_site()
    for name in "ab":
        make_goal(site, event_name=name)
    url = make_plugin(site)("GET", "/goals/?limit=1")[1]["meta"]["pagination"]["links"]["next"]["url"]
    assert url.startswith("http://testserver/api/plugins/v1/goals?after=")


@pytest.mark.parametrize("records", ["shared_links", "funnels"])
def test_links_and_funnels_have_pages_like_goals(call: Plugin, records: str) -> None:
    steps = [{"goal_type": "Goal.Pageview", "goal": {"path": path}} for path in "ab"]
    for name in ("one", "two", "three"):
        call("PUT", f"/{records}", {records[:-1]: {"name": name, "steps": steps}})
    first = call("GET", f"/{records}?limit=2")
    second = follow(call, first, "next")
    names = [[one[records[:-1]]["name"] for one in answer[1][records]] for answer in (first, second)]
    assert names == [["three", "two"], ["one"]]
    assert follow(call, second, "prev") == first
    cursor = first[1]["meta"]["pagination"]["links"]["next"]["url"].partition("after=")[2].partition("&")[0]
    assert call("GET", f"/goals?after={cursor}")[0] == 400  # a cursor belongs to its list
