from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.selectors import site_ref
from accounts.types import SiteId
from goals.models import Goal
from goals.selectors import goal_specs, revenue_goals
from goals.types import GoalKind, GoalSpec
from tests.factories import make_goal, make_site

pytestmark = pytest.mark.django_db


def refused_by_the_database(**fields: Any) -> bool:
    try:
        with transaction.atomic():
            Goal.objects.create(**fields)
    except IntegrityError:
        return True
    return False


def test_goal_specs_are_the_three_kinds_newest_first(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    site = make_site()
    event = make_goal(site, event_name=" Achat ", currency="EUR", custom_props={"taille": "L", "couleur": "bleu"})
    page = make_goal(site, page_path="blog/**")
    scroll = make_goal(site, page_path="/blog/**", scroll_threshold=0, display_name=" Lu ")
    make_goal(make_site())
    with django_assert_num_queries(1):
        specs = goal_specs(site_ref(site))
    assert specs == (
        GoalSpec(scroll.pk, "Lu", GoalKind.SCROLL, page_path="/blog/**", scroll_threshold=0),
        GoalSpec(page.pk, "Visit /blog/**", GoalKind.PAGE, page_path="/blog/**"),
        GoalSpec(
            event.pk,
            "Achat",
            GoalKind.EVENT,
            event_name="Achat",
            custom_props=(("couleur", "bleu"), ("taille", "L")),
            currency="EUR",
        ),
    )
    assert len({hash(spec) for spec in specs}) == 3


def test_goal_specs_are_at_most_the_newest_allowed(settings: Settings) -> None:
    settings.MAX_GOALS_PER_SITE = 2
    site = make_site()
    for name in ("a", "b", "c"):
        make_goal(site, event_name=name)
    assert [spec.event_name for spec in goal_specs(site_ref(site))] == ["c", "b"]


def test_revenue_goals_map_event_names_to_currencies() -> None:
    site = make_site()
    make_goal(site, event_name="Achat", currency="EUR")
    make_goal(site, event_name="Achat", currency="SEK", custom_props={"a": "b"}, display_name="Achat (SEK)")
    make_goal(site, event_name="Signup")
    make_goal(site, page_path="/")
    make_goal(make_site(), event_name="Foreign", currency="EUR")
    assert revenue_goals(SiteId(site.pk)) == {"Achat": "EUR"}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"event_name": "Achat", "display_name": "other"}, True),
        ({"event_name": "Achat", "display_name": "other", "currency": "EUR"}, True),
        ({"event_name": "Achat", "display_name": "other", "custom_props": {"a": "1"}}, False),
        ({"event_name": "achat"}, False),
        ({"event_name": "other", "display_name": "Achat"}, True),
        ({"page_path": "/a", "display_name": "other"}, True),
        ({"page_path": "/a", "display_name": "other", "scroll_threshold": 5}, False),
        ({"page_path": "/a", "scroll_threshold": 5}, True),
        ({"event_name": "x", "display_name": "props", "custom_props": {"b": "2", "a": "1"}}, True),
    ],
)
def test_database_decides_what_is_twice_the_same(fields: dict[str, Any], refused: bool) -> None:
    site = make_site()
    make_goal(site, event_name="Achat")
    make_goal(site, page_path="/a")
    make_goal(site, event_name="x", custom_props={"a": "1", "b": "2"})
    assert refused_by_the_database(site=site, **fields) is refused
    assert not refused_by_the_database(site=make_site(), **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event_name": "Achat", "page_path": "/a"},
        {"event_name": "Achat", "scroll_threshold": 5},
        {"page_path": "/a", "scroll_threshold": 101},
        {"page_path": "/a", "scroll_threshold": -2},
        {"page_path": "/a", "currency": "EUR"},
    ],
)
def test_database_refuses_goals_of_no_kind(fields: dict[str, Any]) -> None:
    assert refused_by_the_database(site=make_site(), **fields)


def test_long_paths_and_names_are_kept_and_still_unique() -> None:
    site, path = make_site(), "/" + "käse/" * 4000
    make_goal(site, page_path=path)
    assert goal_specs(site_ref(site))[0].page_path == path
    assert refused_by_the_database(site=site, page_path=path)
    assert not refused_by_the_database(site=site, page_path=path + "x")
