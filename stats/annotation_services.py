"""Writes of annotations: remarks on days of a site. Each notes who did it in its own transaction."""

from datetime import date

from django.db import transaction

from accounts.records import Who, lock_site, save_record, write_audit
from accounts.types import SiteRef
from accounts.validators import is_storable
from analytics_project.errors import NotFound
from stats.models import Annotation


def annotation_fields(annotation: Annotation) -> dict[str, object]:
    """Return an annotation as the Sites API shows it."""
    return {"id": annotation.pk, "date": annotation.date.isoformat(), "text": annotation.text}


def find_annotation(site: SiteRef, number: int) -> Annotation:
    """Return an annotation of a site. Raises: NotFound."""
    found = Annotation.objects.select_related("site").filter(site=site.id, pk=number).first()
    if found is None:
        raise NotFound("Annotation not found")
    return found


@transaction.atomic
def provide_annotation(site: SiteRef, on: date, text: str, *, author_id: int, who: Who) -> Annotation:
    """Find or write the remark of these words on a day.

    Raises: InvalidRequest for a blank, too long or unusable text; NotFound for a site deleted just now.
    """
    lock_site(site)
    same = Annotation.objects.filter(site=site.id, date=on, text=text.strip())
    if is_storable(text) and (found := same.first()) is not None:
        return found
    annotation = Annotation(site_id=site.id, date=on, text=text, author_id=author_id)
    save_record(annotation)
    write_audit(who, "annotation.create", f"{site.domain}: {annotation}")
    return annotation


@transaction.atomic
def update_annotation(annotation: Annotation, *, who: Who) -> None:
    """Save what was changed of an annotation. Raises: InvalidRequest as `provide_annotation`, and for a repetition."""
    save_record(annotation)
    write_audit(who, "annotation.update", f"{annotation.site}: {annotation}")


@transaction.atomic
def delete_annotation(annotation: Annotation, *, who: Who) -> None:
    """Take an annotation off its day."""
    text = f"{annotation.site}: {annotation}"
    annotation.delete()
    write_audit(who, "annotation.delete", text)
