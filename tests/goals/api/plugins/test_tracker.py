from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import Site
from goals.models import Goal
from stats.models import TrackerConfiguration
from tests.factories import make_goal
from tests.goals.api.plugins.conftest import Plugin, details, event

pytestmark = pytest.mark.django_db

PATH = "/tracker_script_configuration"
KEY = "tracker_script_configuration"


def settings_of(answer: tuple[int, Any]) -> dict[str, Any]:
    assert answer[0] == 200, answer
    found: dict[str, Any] = answer[1][KEY]
    return found


def test_configuration_is_made_on_first_read_and_keeps_its_id(call: Plugin) -> None:
    first = settings_of(call("GET", PATH))
    script = TrackerConfiguration.objects.get().script_id
    assert first == {
        "id": script,
        "installation_type": "manual",
        "hash_based_routing": False,
        "outbound_links": False,
        "file_downloads": False,
        "form_submissions": False,
    }
    assert script.startswith("pa-")
    assert len(script) == 24
    assert settings_of(call("GET", PATH)) == first


def test_partial_update_keeps_the_other_switches_and_ignores_what_it_does_not_know(call: Plugin) -> None:
    first = settings_of(
        call("PUT", PATH, {KEY: {"installation_type": "wordpress", "hash_based_routing": True, "outbound_links": True}})
    )
    assert (first["installation_type"], first["hash_based_routing"]) == ("wordpress", True)
    sent = {"installation_type": "gtm", "file_downloads": True, "id": "pa-mine", "track_404_pages": 7, "more": None}
    assert settings_of(call("PUT", PATH, {KEY: sent})) == {**first, "installation_type": "gtm", "file_downloads": True}
    assert TrackerConfiguration.objects.get().track_404_pages is False


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {KEY: "can't be blank"}),
        ({KEY: "manual"}, {KEY: "is invalid"}),
        ({KEY: {}}, {"installation_type": "can't be blank"}),
        ({KEY: {"installation_type": None}}, {"installation_type": "can't be blank"}),
        (
            {KEY: {"outbound_links": "true", "form_submissions": 1}},
            {
                "installation_type": "can't be blank",
                "outbound_links": "is invalid",
                "form_submissions": "is invalid",
            },
        ),
        (
            {KEY: {"installation_type": "joomla", "hash_based_routing": None}},
            {"installation_type": "is invalid", "hash_based_routing": "is invalid"},
        ),
        ({KEY: {"installation_type": ["manual"]}}, {"installation_type": "is invalid"}),
        ({KEY: {"installation_type": ""}}, {"installation_type": "is invalid"}),
    ],
    ids=str,
)
def test_all_wrong_settings_are_told_at_once(
    call: Plugin, bearer: Plugin, body: dict[str, Any], errors: dict[str, str]
) -> None:
    assert bearer("PUT", PATH, body) == (422, {"errors": {name: [text] for name, text in errors.items()}})
    assert details(call("PUT", PATH, body)) == [f"{name}: {text}" for name, text in errors.items()]
    assert not TrackerConfiguration.objects.exists()


def test_moved_switches_make_and_delete_their_goals(call: Plugin, site: Site) -> None:
    def put(**switches: bool) -> set[str]:
        settings_of(call("PUT", PATH, {KEY: {"installation_type": "npm", **switches}}))
        return {goal.display_name for goal in Goal.objects.filter(site=site)}

    made = {"Outbound Link: Click", "File Download", "Form: Submission"}
    assert put(outbound_links=True, file_downloads=True, form_submissions=True, hash_based_routing=True) == made
    make_goal(site, event_name="File Download", display_name="PDF", custom_props={"type": "pdf"})
    call("PUT", "/goals", event("Signup"))
    assert put(outbound_links=True, file_downloads=True) == {*made, "PDF", "Signup"}
    assert put(file_downloads=False) == {*made, "Signup"} - {"File Download"}


def test_goal_of_a_switch_is_skipped_at_the_limit(call: Plugin, settings: LazySettings) -> None:
    settings.MAX_GOALS_PER_SITE = 1
    call("PUT", "/goals", event("Signup"))
    settings_of(call("PUT", PATH, {KEY: {"installation_type": "npm", "outbound_links": True}}))
    assert [goal.display_name for goal in Goal.objects.all()] == ["Signup"]
