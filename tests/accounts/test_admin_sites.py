"""A site's page in the admin says whether its data arrives; its events are taken along; grave actions ask first."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.link_services import is_password
from accounts.models import AuditEntry, SharedLink, Site, User
from accounts.selectors import site_ref
from analytics_project import clock
from analytics_project.errors import StoreUnavailable
from stats.import_services import import_events
from stats.models import Erasure
from stats.store.client import EventStore
from stats.store.intake_counts import add_intake_counts
from tests.factories import make_key, make_site

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]
EVENTS: list[dict[str, Any]] = [
    {
        "timestamp": "2026-03-09T12:00:00Z",
        "visitor_id": "ann",
        "hostname": "shop.example",
        "pathname": "/é",
        "utm_source": "=cmd()",
        "country_code": "DE",
        "city_geoname_id": 2950159,
        "screen_size": "Desktop",
    },
    {
        "timestamp": "2026-03-09T12:00:30Z",
        "visitor_id": "ann",
        "name": "Kauf",
        "hostname": "shop.example",
        "pathname": "/é",
        "props": {"plan": 'a "b"'},
        "revenue_currency": "EUR",
        "revenue_amount": "12.5",
    },
    {"timestamp": "2026-03-10T08:00:00Z", "visitor_id": "bob", "pathname": "/", "hostname": "shop.example"},
    {
        "timestamp": "2026-03-10T08:01:00Z",
        "visitor_id": "bob",
        "name": "engagement",
        "hostname": "shop.example",
        "pathname": "/",
        "scroll_depth": 40,
        "engagement_time": 9000,
    },
]


@pytest.fixture
def client() -> Client:
    """A browser in which an administrator is logged in."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@shop.example"))
    return browser


def fill(store: EventStore, site: Site, events: list[dict[str, Any]]) -> int:
    body = "\n".join(json.dumps(event) for event in events).encode()
    return import_events(store, site_ref(site), io.BytesIO(body)).imported


def page_of(client: Client, site: Site) -> str:
    answer = client.get(reverse("admin:accounts_site_change", args=[site.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def export(client: Client, site: Site, form: str) -> bytes:
    answer = client.get(reverse("admin:accounts_site_export", args=[site.pk, form]))
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


# ---- What arrives ----------------------------------------------------------------------------------------------------
def test_page_tells_last_event_today_intake_and_health(client: Client, store: EventStore) -> None:
    with time_machine.travel("2026-03-10T09:01:00Z", tick=False):
        client.force_login(User.objects.get())
        site = make_site(timezone="Europe/Berlin")
        assert "none yet" in page_of(client, site)
        fill(store, site, EVENTS)
        page = page_of(client, site)
        assert "1 hour ago, at 2026-03-10 09:01:00 in Europe/Berlin" in page
        assert "1 events, 1 visitors" in page  # the ping is no event
        assert "relational store: ok" in page


def test_page_and_list_tell_what_intake_took(client: Client, store: EventStore) -> None:
    site = make_site()
    now = clock.unix_seconds()
    counts = [(site.pk, now, "buffered", 1, 1234), (site.pk, now, "dropped_bot", 1, 2)]
    add_intake_counts(store, counts, token="")
    assert "1,234 taken, 2 bot" in page_of(client, site)
    assert "1,234" in client.get(reverse("admin:accounts_site_changelist")).content.decode()


def test_page_opens_while_the_event_store_is_away(
    client: Client, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()

    def away(*_arguments: object, **_options: object) -> None:
        raise StoreUnavailable("the event store is away")

    monkeypatch.setattr(EventStore, "read_rows", away)
    assert "the event store is away" in page_of(client, site)
    assert "unknown" in client.get(reverse("admin:accounts_site_changelist")).content.decode()
    for form in ("csv", "ndjson"):
        answer = client.get(reverse("admin:accounts_site_export", args=[site.pk, form]), follow=True)
        assert "the event store is away" in answer.content.decode()
    assert not AuditEntry.objects.exists()


# ---- Exports ---------------------------------------------------------------------------------------------------------
def test_exported_events_can_be_imported_and_are_the_same(client: Client, store: EventStore) -> None:
    site, copy = make_site(timezone="Europe/Berlin"), make_site(timezone="Europe/Berlin")
    fill(store, site, EVENTS)
    fill(store, make_site(), EVENTS[:1])
    text = export(client, site, "ndjson")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == len(EVENTS)
    assert [line["timestamp"] for line in lines] == [event["timestamp"] for event in EVENTS]
    assert lines[1]["props"] == {"plan": 'a "b"'}
    assert (lines[3]["scroll_depth"], lines[3]["engagement_time"]) == (40, 9000)
    assert fill(store, copy, lines) == len(EVENTS)
    columns = (
        "day, timestamp, name, hostname, pathname, prop_keys, prop_values, revenue_source_amount, utm_source, "
        "country_code, city_geoname_id, device, scroll_depth, engagement_time, visitor_id"
    )
    sql = f"SELECT {columns} FROM events WHERE site_id = {{id:UInt32}} ORDER BY timestamp"
    first, second = (store.read_rows(sql, {"id": one.pk}, tag="test") for one in (site, copy))
    assert first == second
    assert AuditEntry.objects.get(action="site.export").target == f"{site.domain}: ndjson"


def test_table_has_a_column_for_each_field_and_no_formula(client: Client, store: EventStore) -> None:
    site = make_site()
    fill(store, site, EVENTS)
    rows = list(csv.DictReader(io.StringIO(export(client, site, "csv").decode())))
    assert len(rows) == len(EVENTS)
    assert (rows[0]["pathname"], rows[0]["utm_source"], rows[0]["revenue_amount"]) == ("/é", "'=cmd()", "")
    assert (rows[1]["revenue_amount"], rows[1]["props"]) == ("12.5", '{"plan":"a \\"b\\""}')


def test_export_leaves_out_what_was_reset_and_comes_in_slices(
    client: Client, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stats.store.site_events.ROWS_A_SLICE", 1)
    site = make_site(stats_reset_at=datetime(2026, 3, 9, 12, 0, 10, tzinfo=UTC))
    fill(store, site, EVENTS)
    names = {json.loads(line)["timestamp"] for line in export(client, site, "ndjson").splitlines()}
    assert names == {event["timestamp"] for event in EVENTS[1:]}


def test_export_of_nothing_unknown_or_without_a_login(client: Client) -> None:
    site = make_site()
    assert export(client, site, "ndjson") == b""
    for number, form in ((site.pk, "xml"), (999_999, "csv")):
        assert client.get(reverse("admin:accounts_site_export", args=[number, form])).status_code == 404
    page = reverse("admin:accounts_site_export", args=[site.pk, "csv"])
    assert Client().get(page).status_code == 302
    User.objects.update(is_superuser=False)
    assert client.get(page).status_code == 403


# ---- Actions that ask ------------------------------------------------------------------------------------------------
def test_reset_and_revocation_ask_first_on_the_page_too(client: Client) -> None:
    site, key = make_site(), make_key()
    assert 'name="action" value="reset_chosen"' in page_of(client, site)
    key_page = client.get(reverse("admin:accounts_apikey_change", args=[key.record.pk])).content.decode()
    assert 'name="action" value="revoke"' in key_page
    asked = client.post(
        reverse("admin:accounts_site_changelist"), {"action": "reset_chosen", "_selected_action": site.pk}
    )
    assert "cannot be undone" in asked.content.decode()
    client.post(reverse("admin:accounts_apikey_changelist"), {"action": "revoke", "_selected_action": key.record.pk})
    key.record.refresh_from_db()
    assert (Erasure.objects.exists(), key.record.state) == (False, "usable")


def test_password_of_a_link_is_written_and_never_shown(client: Client) -> None:
    site = make_site()
    link = SharedLink.objects.create(site=site, name="Board")
    page = reverse("admin:accounts_site_change", args=[site.pk])
    form = client.get(page).context["adminform"].form
    sent = {name: form.initial.get(name) or "" for name in form.fields}
    for formset in client.get(page).context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        count = formset.formset.initial_form_count()
        sent |= {f"{prefix}-TOTAL_FORMS": count, f"{prefix}-INITIAL_FORMS": count}
    sent |= {
        "shared_links-0-id": link.pk,
        "shared_links-0-site": site.pk,
        "shared_links-0-name": "Board",
        "shared_links-0-new_password": "sésame ouvre-toi",
    }
    saved = client.post(page, sent, follow=True)
    link.refresh_from_db()
    assert is_password(link, "sésame ouvre-toi"), saved.content.decode()[:3000]
    assert "sésame" not in client.get(page).content.decode()
