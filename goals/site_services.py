"""Whole sites: made, changed and shown together with their tracker configuration, in one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.records import lock_site, write_audit
from accounts.selectors import site_ref
from accounts.services import change_domain, create_site
from accounts.site_services import free_name_of_own_site, start_trial, team_for_new_site
from accounts.team_selectors import TeamStanding
from accounts.types import Actor, SiteRef
from accounts.validators import clean_domain, timezone_names
from analytics_project.errors import InvalidFields
from goals.selectors import allowed_props
from goals.tracker_services import check_tracker_values, configure_tracker, provide_tracker
from stats.services import notice_changed_sites

CONFIGURATION = "tracker_script_configuration"


@dataclass(frozen=True, slots=True)
class NewSite:
    """A site that somebody wants, as sent, of any type; `team_id` names its team, where the key leaves a choice."""

    domain: object
    timezone: object
    team_id: str
    configuration: object


def site_fields(site: SiteRef) -> dict[str, object]:
    """Return a site as the Sites API shows it; its tracker configuration is made if it is missing."""
    return {
        "domain": site.domain,
        "timezone": site.timezone,
        "custom_properties": allowed_props(site.id) or [],
        CONFIGURATION: provide_tracker(site),
    }


@transaction.atomic
def provision_site(actor: Actor, standing: TeamStanding | None, new: NewSite) -> SiteRef:
    """Make a site with its tracker configuration; when anything is wrong, nothing is left behind.

    Raises: as `accounts.site_services.team_for_new_site`, then InvalidRequest for domain and time zone, then
    InvalidFields for the first wrong setting of the configuration. Source: Sites API contract, section 3.
    """
    team = team_for_new_site(actor, standing, new.team_id)
    domain = _domain(new.domain)
    free_name_of_own_site(actor, domain)
    site = create_site(domain, team, timezone=_timezone(new.timezone), who=actor)
    start_trial(team)
    ref = site_ref(site)
    _configure(actor, ref, new.configuration)
    provide_tracker(ref)
    transaction.on_commit(notice_changed_sites)
    return ref


@transaction.atomic
def change_site(actor: Actor, site: SiteRef, *, domain: object, configuration: object) -> SiteRef:
    """Change a site's domain or settings, both or neither; None changes nothing.

    Raises: InvalidRequest, also for the domain that it has; InvalidFields for the first wrong setting.
    """
    record = lock_site(site)
    if domain is not None:
        name = _domain(domain)
        if name == record.domain:
            raise InvalidFields({"domain": ["is the domain that the site has"]})
        free_name_of_own_site(actor, name, except_for=record.pk)
        change_domain(record, name, who=actor)
    changed = site_ref(record)
    _configure(actor, changed, configuration)
    transaction.on_commit(notice_changed_sites)
    return changed


def _domain(sent: object) -> str:
    """Return the cleaned domain. Raises: InvalidFields."""
    if sent is None:
        raise InvalidFields({"domain": ["can't be blank"]})
    if not isinstance(sent, str):
        raise InvalidFields({"domain": ["is invalid"]})
    try:
        return clean_domain(sent)
    except ValidationError as problem:
        raise InvalidFields({"domain": problem.messages}) from problem


def _timezone(sent: object) -> str:
    """Return the name of a time zone, UTC for an empty one. Raises: InvalidFields."""
    if sent is None:
        raise InvalidFields({"timezone": ["can't be blank"]})
    if sent == "":
        return "Etc/UTC"
    if not isinstance(sent, str) or sent not in timezone_names():
        raise InvalidFields({"timezone": ["is invalid"]})
    return sent


def _configure(actor: Actor, site: SiteRef, sent: object) -> None:
    if sent is None:
        return
    if not isinstance(sent, Mapping):
        raise InvalidFields({CONFIGURATION: ["is invalid"]})
    try:
        check_tracker_values(sent)
    except InvalidFields as problem:
        name, texts = next(iter(problem.errors.items()))
        raise InvalidFields({f"{CONFIGURATION}.{name}": texts}) from problem
    configure_tracker(site, sent, who=actor)


@transaction.atomic
def delete_site(site: SiteRef, *, who: Actor | None = None) -> None:
    """Delete a site and all that belongs to it; its statistics are erased in the background, see `Erasure`."""
    record = lock_site(site)
    record.delete()
    write_audit(who, "site.delete", f"{site.domain} ({site.public_id})")
    transaction.on_commit(notice_changed_sites)
