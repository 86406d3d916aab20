"""How services write: a record that passes its own rules, and who did what, in the caller's transaction."""

from collections.abc import Sequence

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction

from accounts.models import AuditEntry, PluginsToken, Site, User
from accounts.types import Actor, PluginsActor, SiteRef
from analytics_project.errors import InvalidRequest, NotAuthenticated, NotFound

Who = User | Actor | PluginsActor


def save_record(record: models.Model, exclude: Sequence[str] = ()) -> None:
    """Save a record that passes its own rules. Raises: InvalidRequest, also when another process was quicker."""
    try:
        record.full_clean(exclude=list(exclude))
        with transaction.atomic():
            record.save()
    except ValidationError as problem:
        raise InvalidRequest(_one_line(problem)) from problem
    except IntegrityError as problem:
        raise InvalidRequest(f"this {record._meta.verbose_name} has already been taken") from problem


def _one_line(problem: ValidationError) -> str:
    if not hasattr(problem, "error_dict"):
        return ", ".join(problem.messages)
    return ", ".join(
        text if field == NON_FIELD_ERRORS else f"{field}: {text}"
        for field, texts in problem.message_dict.items()
        for text in texts
    )


def write_audit(who: Who | None, action: str, target: object) -> None:
    """Note that a person, a key that speaks for one, a plugin, or None for the command line, acted on a record.

    Raises: NotAuthenticated for a plugin whose token was deleted since its request began, which undoes what it did.
    """
    match who:
        case Actor():
            doer = AuditEntry(who_id=who.user_id, key_id=who.key_id)
        case PluginsActor():
            token = PluginsToken.objects.select_for_update(no_key=True).filter(pk=who.token_id).first()
            if token is None:
                raise NotAuthenticated("The Plugins API token has just been revoked")
            doer = AuditEntry(token=token)
        case _:
            doer = AuditEntry(who=who)
    doer.action, doer.target = action, str(target)[:300]
    doer.save()


def lock_site(site: SiteRef) -> Site:
    """Return the record of a site, for one transaction at a time. Raises: NotFound for a site deleted just now."""
    record = Site.objects.select_for_update().filter(pk=site.id).first()
    if record is None:
        raise NotFound("Site not found")
    return record
