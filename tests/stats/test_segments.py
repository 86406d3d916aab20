"""Segments as records: what may be saved, under which names, by whose plan, and what is left when a person goes."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry
from accounts.selectors import site_ref
from accounts.types import Feature, SiteId
from analytics_project.errors import InvalidRequest, PaymentRequired
from stats.models import MAX_SEGMENT_BYTES, Segment
from stats.query.types import AllOf, HasDone, Leaf, Operator
from stats.segment_services import create_segment, delete_segment, update_segment
from stats.selectors import segment_specs
from stats.types import SegmentSpec, SegmentType
from tests.factories import make_goal, make_segment, make_site, make_team, make_user

pytestmark = pytest.mark.django_db

SAFARI = ["is", "visit:browser", ["Safari"]]


def refusal(filters: Any, **fields: Any) -> str:
    """Return why a segment cannot be created; nothing of it is kept."""
    site = fields.pop("site", None) or make_site()
    with pytest.raises(InvalidRequest) as caught:
        create_segment(site_ref(site), **{"name": "a", "segment_type": SegmentType.SITE, "filters": filters, **fields})
    assert not AuditEntry.objects.exists()
    return caught.value.message


def test_segment_specs_are_those_of_the_site_with_parsed_filters(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site, owner = make_site(), make_user()
    shared = make_segment(site, ["and", [SAFARI]], ["has_not_done", ["is", "event:page", ["/"]]])
    own = make_segment(site, SAFARI, owner=owner)
    make_segment(site, SAFARI)
    foreign = make_segment(make_site(), SAFARI)
    safari = Leaf(Operator.IS, "visit:browser", ("Safari",))
    with django_assert_num_queries(1):
        specs = segment_specs(SiteId(site.pk), [own.pk, shared.pk, foreign.pk, 2**80, -1, own.pk])
    home = Leaf(Operator.IS, "event:page", ("/",))
    assert specs == (
        SegmentSpec(shared.pk, SegmentType.SITE, (AllOf((safari,)), HasDone(home, negated=True))),
        SegmentSpec(own.pk, SegmentType.PERSONAL, (safari,)),
    )
    with django_assert_num_queries(0):
        assert segment_specs(SiteId(site.pk), [2**63]) == ()


def test_create_update_delete_are_noted_with_who_did_it() -> None:
    site, owner, who = make_site(), make_user(), make_user()
    segment = create_segment(site_ref(site), " Safari ", [SAFARI], owner_id=owner.pk, who=who)
    number = segment.pk
    segment.refresh_from_db()
    assert (segment.name, segment.type, segment.owner, segment.filters) == ("Safari", "personal", owner, [SAFARI])
    segment.name = "Browser"
    update_segment(segment, who=who)
    assert Segment.objects.get(pk=number).name == "Browser"
    delete_segment(segment, who=who)
    assert not Segment.objects.exists()
    noted = AuditEntry.objects.filter(who=who).order_by("pk").values_list("action", "target")
    assert list(noted) == [
        ("segment.create", f"{site.domain}: {number} Safari"),
        ("segment.update", f"{site.domain}: {number} Browser"),
        ("segment.delete", f"{site.domain}: {number} Browser"),
    ]


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        pytest.param(None, "filters", id="null"),
        pytest.param({}, "filters", id="object"),
        pytest.param([], "cannot be blank", id="none"),
        pytest.param(SAFARI, "filters[0]", id="bare filter"),
        pytest.param([["is", "visit:browser", "Safari"]], "filters[0][2]", id="text for values"),
        pytest.param([["and", []]], "filters[0][1]", id="and of nothing"),
        pytest.param([["not", ["is", "segment", [1]]]], "filters[0][1][1]", id="segment inside"),
        pytest.param([["matches_wildcard", "event:page", ["/*"]]], "filters[0][0]", id="private operator"),
        pytest.param([["is", "visit:name", ["x"]]], "visit:name", id="unknown dimension"),
        pytest.param([["is", "time:day", ["2025-03-10"]]], "time:day", id="time"),
        pytest.param([["is", "event:goal", ["Achat"]]], "'Achat'", id="goal of another site"),
        pytest.param([["is", "visit:browser", ["\0"]]], "null characters", id="null character"),
        pytest.param([["is", "visit:browser", ["\ud800"]]], "Unicode", id="half a pair"),
        pytest.param([["is", "event:page", ["\\u0000" + "é" * (MAX_SEGMENT_BYTES // 2)]]], "bytes", id="too large"),
    ],
)
def test_filters_that_no_query_takes_are_refused_and_named(filters: Any, named: str) -> None:
    make_goal(make_site(), event_name="Achat")
    assert named in refusal(filters)
    assert not Segment.objects.exists()


def test_update_is_held_to_the_same_rules() -> None:
    segment = make_segment(make_site(), SAFARI)
    segment.filters = [["is", "segment", [segment.pk]]]
    with pytest.raises(InvalidRequest):
        update_segment(segment)
    assert Segment.objects.get().filters == [SAFARI]


def test_goals_and_a_backslash_are_stored_as_they_are() -> None:
    site = make_site()
    make_goal(site, event_name="Achat")
    filters = [["is", "event:goal", ["Achat"]], ["is", "event:page", ["\\u0000"], {"case_sensitive": False}]]
    segment = create_segment(site_ref(site), "a", filters, owner_id=make_user().pk)
    assert Segment.objects.get(pk=segment.pk).filters == filters


@pytest.mark.parametrize("name", ["", "  ", "a" * 256, "a\0", "a\ud800"])
def test_names_that_cannot_be_stored_are_refused(name: str) -> None:
    assert refusal([SAFARI], name=name).startswith("name: ")


def test_names_are_unique_among_the_segments_of_a_site_and_of_a_person() -> None:
    site, ann, bob = make_site(), make_user(), make_user()
    make_segment(site, SAFARI, name="a")
    make_segment(site, SAFARI, name="a", owner=ann)
    make_segment(site, SAFARI, name="a", owner=bob)
    make_segment(make_site(), SAFARI, name="a")
    personal = {"segment_type": SegmentType.PERSONAL, "owner_id": ann.pk}
    assert refusal([SAFARI], site=site) == "name: has already been taken by a segment of this site"
    assert refusal([SAFARI], site=site, **personal) == "name: has already been taken by a segment of this person"
    assert refusal([SAFARI], site=site, name="b", segment_type=SegmentType.PERSONAL).startswith("owner: ")
    for fields in ({"type": "site"}, {"type": "personal", "owner": ann}, {"type": "personal"}, {"type": "odd"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Segment.objects.create(site=site, name="a", filters=[SAFARI], **fields)


def test_segments_of_a_site_need_its_plan() -> None:
    site, owner = make_site(make_team(features=[])), make_user()
    with pytest.raises(PaymentRequired):
        create_segment(site_ref(site), "a", [SAFARI], segment_type=SegmentType.SITE)
    segment = create_segment(site_ref(site), "a", [SAFARI], owner_id=owner.pk)
    segment.type = SegmentType.SITE.value
    with pytest.raises(PaymentRequired):
        update_segment(segment)
    site.team.feature_override = [Feature.SITE_SEGMENTS.value]
    site.team.save()
    update_segment(Segment.objects.get())


def test_with_a_person_go_their_own_segments_and_those_of_the_site_stay() -> None:
    site, owner = make_site(), make_user()
    make_segment(site, SAFARI, owner=owner)
    shared = make_segment(site, SAFARI, owner=owner, type="site")
    owner.delete()
    left = Segment.objects.get()
    assert (left.pk, left.owner) == (shared.pk, None)
    site.delete()
    assert not Segment.objects.exists()
