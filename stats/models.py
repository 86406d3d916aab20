"""Salts and names of visitors; names of cities; segments, annotations, trackers of sites; what is to be erased."""

import json
import secrets
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.deletion import CASCADE, SET_NULL, Collector
from django.db.models.signals import post_delete

from accounts.models import Site, User, make_slug
from accounts.validators import is_storable
from analytics_project import clock
from analytics_project.errors import InvalidQuery
from stats.query.parse_filters import parse_filters
from stats.types import MAX_ANNOTATION_CHARACTERS, MAX_CITY_NAME_CHARACTERS, SegmentType

SALT_BYTES: Final = 16
MAX_SEGMENT_NAME_CHARACTERS: Final = 255
MAX_SEGMENT_BYTES: Final = 100_000
MAX_VISITOR_NAME_CHARACTERS: Final = 128


def make_salt() -> bytes:
    """Return 16 new random bytes."""
    return secrets.token_bytes(SALT_BYTES)


class VisitorSalt(models.Model):
    """The key under which visitors of one calendar date are hashed; without it their ids cannot be made again.

    Each site uses the salt of its own local date (event contract 3.2).
    """

    date = models.DateField(unique=True)
    salt = models.BinaryField(max_length=SALT_BYTES, default=make_salt, editable=False)

    def __str__(self) -> str:
        return self.date.isoformat()


def validate_text(value: str) -> None:
    """Refuse a text that cannot be stored."""
    if not is_storable(value):
        raise ValidationError("must be valid Unicode without null characters")


def validate_segment_filters(value: object) -> None:
    """Refuse what a query would refuse for its shape, a segment inside, and more than 100,000 bytes.

    Source: stats contract 1.5; by the parser of queries itself.
    """
    try:
        parse_filters(value, allow_segments=False)
    except InvalidQuery as problem:
        raise ValidationError(problem.message) from problem
    if not all(map(is_storable, _texts(value))):
        raise ValidationError("must be valid Unicode without null characters")
    if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_SEGMENT_BYTES:
        raise ValidationError(f"must be at most {MAX_SEGMENT_BYTES} bytes of JSON")


def _texts(value: object) -> Iterator[str]:
    """Yield every text in lists of lists, which is all that filters hold but for the modifier."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def delete_personal_segments(collector: Collector, field: Any, segments: Any, using: str) -> None:
    """Let a person's own segments go with them; those of a site stay, without an owner."""
    CASCADE(collector, field, segments.filter(type=SegmentType.PERSONAL), using)
    SET_NULL(collector, field, segments.filter(type=SegmentType.SITE), using)


class Segment(models.Model):
    """Filters that a site's people saved under a name, in the form in which a v2 query takes them, joined by AND.

    Names are unique among the segments of a site, and among those of one person on it.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="segments")
    name = models.CharField(max_length=MAX_SEGMENT_NAME_CHARACTERS, validators=[validate_text])
    type = models.CharField(
        max_length=10, choices=[(one.value, one.value) for one in SegmentType], default=SegmentType.PERSONAL.value
    )
    owner = models.ForeignKey(User, on_delete=delete_personal_segments, null=True, blank=True, related_name="segments")
    filters = models.JSONField(
        validators=[validate_segment_filters], help_text='As in a query: [["is", "visit:country", ["EE"]]]'
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "name"],
                condition=Q(type=SegmentType.SITE.value),
                name="segment_of_a_site_once",
                violation_error_message="name: has already been taken by a segment of this site",
            ),
            models.UniqueConstraint(
                fields=["site", "owner", "name"],
                condition=Q(type=SegmentType.PERSONAL.value),
                name="segment_of_a_person_once",
                violation_error_message="name: has already been taken by a segment of this person",
            ),
            models.CheckConstraint(
                condition=Q(type=SegmentType.SITE.value) | Q(type=SegmentType.PERSONAL.value, owner__isnull=False),
                name="segment_of_a_person_or_a_site",
                violation_error_message="owner: a personal segment is somebody's",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.name = self.name.strip()
        if not self.name:
            raise ValidationError({"name": "can't be blank"})


class NamedVisitor(models.Model):
    """What a client of the Goals & Revenue API calls a visitor, beside the id that the name was hashed to.

    An answer shows the name as it was sent (revenue contract, 1.6). It goes when the visitor is erased.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="named_visitors")
    visitor = models.CharField(max_length=18, help_text="`v_` and 16 hex digits.")
    name = models.CharField(max_length=MAX_VISITOR_NAME_CHARACTERS)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "visitor"], name="visitor_named_once")]

    def __str__(self) -> str:
        return self.visitor


class CityName(models.Model):
    """What a city is called in English, as the place file said that met it last; events hold its number only."""

    geoname_id = models.PositiveBigIntegerField("GeoNames number", unique=True)
    name = models.CharField(max_length=MAX_CITY_NAME_CHARACTERS)

    def __str__(self) -> str:
        return self.name


class Annotation(models.Model):
    """A remark on a day of a site: a release, a campaign, an outage. The same words stand on a day once."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="annotations")
    date = models.DateField(help_text="In the site's time zone.")
    text = models.CharField(max_length=MAX_ANNOTATION_CHARACTERS, validators=[validate_text])
    author = models.ForeignKey(User, on_delete=SET_NULL, null=True, blank=True, related_name="annotations")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "date", "text"],
                name="annotation_once_a_day",
                violation_error_message="text: stands on this day already",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date}: {self.text}"

    def clean(self) -> None:
        self.text = self.text.strip()
        if not self.text:
            raise ValidationError({"text": "can't be blank"})


# ---- The tracker script ----------------------------------------------------------------------------------------------
def make_script_id() -> str:
    """Return the id of a site's own script, part of its address for ever: `pa-` and 21 characters."""
    return f"pa-{make_slug()}"


class TrackerConfiguration(models.Model):
    """What a site's own script does by itself (Sites API contract, section 8). Made when it is first asked for."""

    INSTALLATION_TYPES: ClassVar = ("manual", "wordpress", "gtm", "npm")
    FLAGS: ClassVar = (
        "track_404_pages",
        "hash_based_routing",
        "outbound_links",
        "file_downloads",
        "revenue_tracking",
        "tagged_events",
        "form_submissions",
        "pageview_props",
    )

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="tracker_configuration")
    script_id = models.CharField(max_length=24, unique=True, default=make_script_id, editable=False)
    installation_type = models.CharField(
        max_length=10, blank=True, choices=[(name, name) for name in INSTALLATION_TYPES]
    )
    track_404_pages = models.BooleanField(default=False)
    hash_based_routing = models.BooleanField(default=False)
    outbound_links = models.BooleanField(default=False)
    file_downloads = models.BooleanField(default=False)
    revenue_tracking = models.BooleanField(default=False)
    tagged_events = models.BooleanField(default=False)
    form_submissions = models.BooleanField(default=False)
    pageview_props = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.script_id


# ---- Imports of daily totals -----------------------------------------------------------------------------------------
def make_import_number() -> int:
    """Return a number that no import has had, be it in a relational store of before a restored backup."""
    return secrets.randbits(48)


class ImportState(models.TextChoices):
    LOADING = "loading"
    COMPLETED = "completed"
    FAILED = "failed"


class TotalsImport(models.Model):
    """Daily totals that another product counted, brought into a site; its rows in the event store bear its number.

    It counts once it is completed: then, in the same transaction, the site's own record names it for the queries.
    """

    id = models.BigIntegerField(primary_key=True, default=make_import_number, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="totals_imports")
    state = models.CharField(max_length=9, choices=ImportState, default=ImportState.LOADING)
    files = models.TextField(help_text="Names of the files, one a line.")
    digest = models.CharField(max_length=64, editable=False, help_text="Of the rows in the files, however packed.")
    first_on = models.DateField("first date", null=True, blank=True)
    last_on = models.DateField("last date", null=True, blank=True)
    rows = models.PositiveBigIntegerField(default=0)
    cut_rows = models.PositiveBigIntegerField(
        default=0,
        help_text="On dates that the site has from its own events or an import before, or that no file names.",
    )
    has_scroll_depth = models.BooleanField(default=False)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the command line."
    )
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "import of daily totals"
        verbose_name_plural = "imports of daily totals"

    def __str__(self) -> str:
        dates = f"{self.first_on} to {self.last_on}" if self.first_on else "without dates yet"
        return f"{self.site}: {dates}"


# ---- Erasures --------------------------------------------------------------------------------------------------------
class ErasureKind(models.TextChoices):
    DELETE = "delete"
    RESET = "reset"
    PRUNE = "prune"
    VISITOR = "visitor"
    IMPORT = "import"


class Erasure(models.Model):
    """Statistics to be removed from the event store: of a deleted site, of before an instant, a visitor's, an import's.

    Requested in the transaction that deletes or resets, worked off by the serving process, kept as a record of it; the
    visitor's id only as long as the store is searched for rows that slipped in later.
    """

    site_number = models.PositiveIntegerField(db_index=True, help_text="The site's number in the event store.")
    domain = models.CharField(max_length=255)
    kind = models.CharField(max_length=7, choices=ErasureKind)
    visitor = models.CharField(max_length=18, blank=True, help_text="`v_` and 16 hex digits, until it is forgotten.")
    import_number = models.PositiveBigIntegerField(null=True, blank=True, help_text="Of the import of daily totals.")
    before = models.DateTimeField(null=True, blank=True, help_text="Only what lies before; empty: everything.")
    requested_at = models.DateTimeField(default=clock.now)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When the store was last searched for rows.")
    finished_at = models.DateTimeField(null=True, blank=True)
    removed_events = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["delete", "visitor", "import"], before=None)
                | Q(kind__in=["reset", "prune"], before__isnull=False),
                name="erasure_has_an_instant",
            ),
            models.CheckConstraint(condition=Q(kind="visitor") | Q(visitor=""), name="erasure_of_a_visitor"),
            models.CheckConstraint(
                condition=Q(kind="import", import_number__isnull=False) | (~Q(kind="import") & Q(import_number=None)),
                name="erasure_of_an_import",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.domain}"


def request_erasure(instance: Site, **_signal: object) -> None:
    """Ask for the statistics of a site that is being deleted, in whichever way, to be erased."""
    Erasure.objects.create(site_number=instance.pk, domain=instance.domain, kind=ErasureKind.DELETE)


post_delete.connect(request_erasure, sender=Site, dispatch_uid="erasure_of_a_deleted_site")
