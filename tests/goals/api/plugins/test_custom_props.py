from typing import Any

import pytest

from accounts.models import AuditEntry, Site
from accounts.types import Feature
from goals.models import AllowedProps
from tests.factories import make_site, make_team
from tests.goals.api.plugins.conftest import Plugin, make_plugin

pytestmark = pytest.mark.django_db


def prop(key: Any) -> dict[str, Any]:
    return {"custom_prop": {"key": key}}


def props(*keys: Any) -> dict[str, Any]:
    return {"custom_props": [prop(key) for key in keys]}


def test_enabled_keys_come_before_those_enabled_earlier(call: Plugin) -> None:
    assert call("PUT", "/custom_props", prop(" author ")) == (201, props("author"))
    assert call("PUT", "/custom_props", props("plan", "size", "plan")) == (201, props("plan", "size", "author"))
    assert call("PUT", "/custom_props", props("author", "plan")) == (201, props("author", "plan", "size"))
    assert call("PUT", "/custom_props", props("author", "plan")) == (201, props("author", "plan", "size"))


def test_keys_are_taken_off_as_sent(call: Plugin, site: Site) -> None:
    assert call("DELETE", "/custom_props", prop("author")) == (204, None)
    assert not AllowedProps.objects.exists()  # a site that never chose any still admits all
    call("PUT", "/custom_props", props("a", "b", "c"))
    assert call("DELETE", "/custom_props", props("a", " b", "c\0", "c")) == (204, None)
    assert AllowedProps.objects.get().names == ["b"]
    assert AuditEntry.objects.get(action="props.disable").target == f"{site.domain}: a, c"
    assert call("DELETE", "/custom_props", prop("b")) == (204, None)
    assert AllowedProps.objects.get().names == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "custom_prop"),
        ({"custom_prop": None}, "custom_prop"),
        ({"custom_prop": "author"}, "custom_prop"),
        ({"custom_prop": {}}, "key"),
        (prop(5), "key"),
        ({"custom_props": []}, "custom_props"),
        ({"custom_props": {"key": "a"}}, "custom_props"),
        ({"custom_props": ["a"]}, "custom_props"),
        ({"custom_props": [{"key": "a"}]}, "custom_prop"),
        (props("a", None), "key"),
        ({**prop("a"), **props("b")}, "custom_props"),
    ],
    ids=str,
)
def test_wrong_shape_is_422(bearer: Plugin, method: str, body: object, field: str) -> None:
    status, answer = bearer(method, "/custom_props", body)
    assert (status, [*answer["errors"]]) == (422, [field])
    assert not AllowedProps.objects.exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (prop("  "), "can't be blank"),
        (props("a", "x" * 301), "should be at most 300 characters"),
        (prop("a\0"), "is invalid"),
        (props(*map(str, range(301))), "a site may have at most 300 properties"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_broken_rule_is_422_and_enables_nothing(call: Plugin, body: object, message: str) -> None:
    assert call("PUT", "/custom_props", body) == (422, {"errors": [{"detail": f"allowed_event_props: {message}"}]})
    assert not AllowedProps.objects.exists()


def test_plan_without_props_enables_the_trackers_own_keys_only() -> None:
    call = make_plugin(make_site(make_team(features=[Feature.SHARED_LINKS])))
    assert call("PUT", "/custom_props", props("search_query", "url", "path"))[0] == 201
    for body in (prop("author"), props("search_query", "author")):
        status, answer = call("PUT", "/custom_props", body)
        assert (status, answer["errors"][0]["detail"].partition(" is ")[0]) == (402, "Custom Properties")
    assert call("DELETE", "/custom_props", props("url", "author")) == (204, None)
    assert AllowedProps.objects.get().names == ["search_query", "path"]
