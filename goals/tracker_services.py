"""Writes of a site's tracker configuration, and of the goals that its switches bring along."""

from collections.abc import Mapping
from typing import Final

from django.db import transaction

from accounts.records import Who, lock_site, write_audit
from accounts.types import SiteRef
from analytics_project.errors import InvalidFields
from goals.services import delete_goals_of_switch, provide_goal_of_switch
from stats.models import TrackerConfiguration
from stats.selectors import tracker_fields

# Source: Plugins API contract, section 10; Sites API contract, section 8.
GOALS_OF_SWITCHES: Final = {
    "outbound_links": "Outbound Link: Click",
    "file_downloads": "File Download",
    "form_submissions": "Form: Submission",
    "track_404_pages": "404",
}


def check_tracker_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return the known ones of these settings. Raises: InvalidFields for all wrong ones, in a fixed order.

    Switches are booleans; the installation type is one of four words, or None.
    """
    errors: dict[str, list[str]] = {}
    known: dict[str, object] = {}
    if "installation_type" in values:
        kind = values["installation_type"]
        known["installation_type"] = kind or ""
        if kind is not None and kind not in TrackerConfiguration.INSTALLATION_TYPES:
            errors["installation_type"] = ["is invalid"]
    for flag in TrackerConfiguration.FLAGS:
        if flag in values:
            known[flag] = values[flag]
            if not isinstance(values[flag], bool):
                errors[flag] = ["is invalid"]
    if errors:
        raise InvalidFields(errors)
    return known


@transaction.atomic
def provide_tracker(site: SiteRef) -> dict[str, object]:
    """Return the site's configuration, ten keys, made with every switch off if there is none."""
    record, _ = TrackerConfiguration.objects.get_or_create(site_id=site.id)
    return tracker_fields(record)


@transaction.atomic
def configure_tracker(site: SiteRef, values: Mapping[str, object], *, who: Who | None = None) -> None:
    """Change the settings given, and make or delete the goals of switches that moved. Raises: InvalidFields."""
    known = check_tracker_values(values)
    lock_site(site)  # first, as everywhere: two locks taken in different orders would wait for each other
    TrackerConfiguration.objects.get_or_create(site_id=site.id)
    record = TrackerConfiguration.objects.select_for_update().get(site_id=site.id)
    changed = {name: value for name, value in known.items() if getattr(record, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(record, name, value)
    record.save()
    write_audit(who, "tracker.configure", f"{site.domain}: {', '.join(sorted(changed))}")
    for switch, event_name in GOALS_OF_SWITCHES.items():
        if switch in changed:
            move = provide_goal_of_switch if changed[switch] else delete_goals_of_switch
            move(site, event_name, who=who)
