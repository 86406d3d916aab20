from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from accounts import services
from accounts.models import ShieldRule
from accounts.selectors import caller_id_secret, intake_record
from accounts.types import ShieldKind, SiteId
from analytics_project import clock
from tests.factories import make_site, make_team

pytestmark = pytest.mark.django_db


def test_intake_record_holds_limits_shields_and_team_dates(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reset = datetime(2026, 1, 2, tzinfo=UTC)
    site = make_site(
        make_team(accept_traffic_until=date(1970, 1, 11)),
        domain="例え.example",
        currency="JPY",
        timezone="Asia/Tokyo",
        ingest_rate_threshold=7,
        ingest_rate_window_s=90,
        visitor_ids="persistent",
        stats_reset_at=reset,
    )
    for kind, value in (
        (ShieldKind.IP, "203.0.113.9"),
        (ShieldKind.PAGE, "/intern/**"),
        (ShieldKind.COUNTRY, "DE"),
        (ShieldKind.HOSTNAME, "*.例え.example"),
        (ShieldKind.IP, "2001:db8::1"),
    ):
        ShieldRule.objects.create(site=site, kind=kind, value=value)
    with django_assert_num_queries(2):
        record = intake_record("例え.EXAMPLE")
    assert record is not None
    assert (record.site.id, record.site.public_id, record.site.domain) == (site.pk, site.public_id, "例え.example")
    assert (record.site.timezone, record.site.currency) == ("Asia/Tokyo", "JPY")
    assert record.site.stats_reset_at == int(reset.timestamp())
    assert record.addresses == ("203.0.113.9", "2001:db8::1")
    assert record.countries == ("DE",)
    assert record.pages == ("/intern/**",)
    assert record.hostnames == ("*.例え.example",)
    assert (record.rate_threshold, record.rate_window_s) == (7, 90)
    assert record.accepts_until == 10
    assert record.persistent_visitors


def test_intake_record_of_a_plain_site_has_no_limits() -> None:
    site = make_site()
    record = intake_record(site.public_id)
    assert record is not None
    assert (record.rate_threshold, record.rate_window_s, record.accepts_until) == (None, 60, None)
    assert record.addresses == record.countries == record.pages == record.hostnames == ()
    assert not record.persistent_visitors


@pytest.mark.parametrize("text", ["", "nowhere.example", "ds_", "a\0b", "\ud800", "x" * 1_000_000, "' OR 1=1"])
def test_intake_record_of_unknown_or_hostile_text_is_none(text: str) -> None:
    make_site()
    assert intake_record(text) is None


def test_intake_record_of_a_renamed_site_is_found_under_both_names_for_72_hours() -> None:
    site = make_site(domain="alt.example")
    start = clock.now()
    with time_machine.travel(start, tick=False):
        services.change_domain(site, "neu.example")
    for age, known in ((timedelta(hours=72, seconds=-1), True), (timedelta(hours=72), False)):
        with time_machine.travel(start + age, tick=False):
            assert (intake_record("alt.example") is not None) is known
            assert intake_record("neu.example") is not None


def test_caller_id_secret_stays_with_its_site() -> None:
    site, other = make_site(), make_site()
    secret = caller_id_secret(SiteId(site.pk))
    services.change_domain(site, "neu.example")
    assert caller_id_secret(SiteId(site.pk)) == secret != caller_id_secret(SiteId(other.pk))
    assert len(secret) == 32
