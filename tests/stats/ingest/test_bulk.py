"""Bulk import: visits rebuilt from lines by the rules of live intake, every line checked, all or nothing, once."""

import io
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson
import pytest

from analytics_project.errors import InvalidLine, StoreBusy, StoreUnavailable
from stats.ingest import bulk
from stats.ingest.bulk import BulkTarget, ImportSummary, import_lines
from stats.store import import_writes
from stats.store.client import EventStore
from stats.store.import_tables import ImportTables

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
SECRET = bytes(range(32))
ANNA, BERT = "v_00000000000000aa", "v_00000000000000bb"
_site_numbers = itertools.count(700_000)


def line(at: int = 0, **fields: Any) -> dict[str, Any]:
    """Return an event `at` seconds after noon, a pageview of Anna's unless told otherwise."""
    stamp = datetime.fromtimestamp(NOON + at, UTC).isoformat()
    return {"timestamp": stamp, "visitor_id": ANNA, "hostname": "shop.example", "pathname": "/", **fields}


def ping(at: int, **fields: Any) -> dict[str, Any]:
    return line(at, name="engagement", **{"scroll_depth": 50, "engagement_time": 1000, **fields})


def body_of(*events: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


@dataclass
class Importer:
    """A fresh site and what was imported into it."""

    store: EventStore
    target: BulkTarget = field(
        default_factory=lambda: BulkTarget(next(_site_numbers), "Europe/Berlin", SECRET, {"Purchase": "EUR"})
    )

    def run(self, *events: dict[str, Any]) -> ImportSummary:
        return self.run_body(body_of(*events))

    def run_body(self, body: bytes) -> ImportSummary:
        return import_lines(self.store, self.target, io.BytesIO(body))

    def events(self, columns: str = "*") -> list[dict[str, Any]]:
        return self._rows("events", columns, "timestamp, session_id")

    def visits(self, columns: str = "*") -> list[dict[str, Any]]:
        return self._rows("(SELECT * FROM sessions WHERE is_visit)", columns, "start, visitor_id")

    def _rows(self, table: str, columns: str, order: str) -> list[dict[str, Any]]:
        sql = f"SELECT {columns} FROM {table} WHERE site_id = {{site:UInt32}} ORDER BY {order}"
        return self.store.read_rows(sql, {"site": self.target.site_id}, tag="test")


@pytest.fixture
def site(store: EventStore) -> Importer:
    return Importer(store)


@pytest.fixture(autouse=True)
def _no_tables_left(store: EventStore) -> Iterator[None]:
    yield
    assert store.read_rows("SHOW TABLES LIKE 'import\\_%'", tag="test") == []


def test_visit_has_its_counts_pages_and_the_opening_events_attributes(site: Importer) -> None:
    summary = site.run(
        line(0, pathname="/a", source="Google", utm_medium="cpc", country_code="de", props={"plan": "free"}),
        line(60, pathname="/b", source="Bing", browser="Firefox", hostname="www2.shop.example"),
        line(90, name="Signup", pathname="/c", props={"z": "1", "a": "2"}),
    )
    assert summary == ImportSummary(imported=3, dropped=0, visits=1)
    (visit,) = site.visits()
    expected = {
        "visitor_id": 0xAA,
        "sign": 1,
        "start": "2026-03-01 12:00:00",
        "timestamp": "2026-03-01 12:01:30",
        "duration": 90,
        "events": 3,
        "pageviews": 2,
        "is_bounce": 0,
        "entry_page": "/a",
        "hostname": "shop.example",
        "exit_page": "/b",
        "exit_page_hostname": "www2.shop.example",
        "prop_keys": ["plan"],
        "prop_values": ["free"],
        "source": "Google",
        "channel": "Paid Search",
        "country_code": "DE",
        "browser": "",
        "day": "2026-03-01",
    }
    assert {name: visit[name] for name in expected} == expected
    rows = site.events("session_id, name, pathname, source, channel, country_code, prop_keys, prop_values")
    assert {(row["session_id"], row["source"], row["channel"], row["country_code"]) for row in rows} == {
        (visit["session_id"], "Google", "Paid Search", "DE")
    }
    assert [(row["name"], row["pathname"]) for row in rows] == [
        ("pageview", "/a"),
        ("pageview", "/b"),
        ("Signup", "/c"),
    ]
    assert (rows[2]["prop_keys"], rows[2]["prop_values"]) == (["a", "z"], ["2", "1"])


@pytest.mark.parametrize(("gap", "visits"), [(1800, 1), (1801, 2)])
def test_gap_of_more_than_half_an_hour_starts_another_visit(site: Importer, gap: int, visits: int) -> None:
    assert site.run(line(0), line(gap, pathname="/later")).visits == visits


def test_lines_in_any_order_make_the_same_visits(site: Importer) -> None:
    site.run(line(1900, pathname="/c"), line(0, pathname="/a"), line(100, pathname="/b"))
    assert [(v["entry_page"], v["exit_page"], v["duration"]) for v in site.visits()] == [("/a", "/c", 1900)]


def test_lines_of_one_second_keep_their_order(site: Importer) -> None:
    site.run(line(0, pathname="/first"), line(0, pathname="/second"), line(0, pathname="/third"))
    assert [(v["entry_page"], v["exit_page"]) for v in site.visits()] == [("/first", "/third")]


def test_fractions_of_a_second_order_lines(site: Importer) -> None:
    site.run(
        line(pathname="/late", timestamp="2026-03-01T12:00:00.900Z"),
        line(pathname="/early", timestamp="2026-03-01T12:00:00.1Z"),
    )
    assert [(v["entry_page"], v["exit_page"], v["start"]) for v in site.visits()] == [
        ("/early", "/late", "2026-03-01 12:00:00")
    ]


def test_ping_keeps_a_visit_open_without_lengthening_it(site: Importer) -> None:
    summary = site.run(line(0), ping(1500), ping(3000))
    assert summary == ImportSummary(imported=3, dropped=0, visits=1)
    assert [(v["duration"], v["events"], v["is_bounce"]) for v in site.visits()] == [(0, 1, 1)]


def test_event_after_pings_counts_the_whole_time(site: Importer) -> None:
    assert site.run(line(0), ping(1500), line(3000)).visits == 1
    assert [(v["duration"], v["pageviews"]) for v in site.visits()] == [(3000, 2)]


def test_ping_without_an_open_visit_is_dropped_and_opens_none(site: Importer) -> None:
    summary = site.run(ping(0), line(10, pathname="/a"), ping(1900), line(1950, pathname="/b"), ping(9000))
    assert summary == ImportSummary(imported=2, dropped=3, visits=2)
    assert [(v["entry_page"], v["start"]) for v in site.visits()] == [
        ("/a", "2026-03-01 12:00:10"),
        ("/b", "2026-03-01 12:32:30"),
    ]


def test_only_pings_leave_nothing(site: Importer) -> None:
    assert site.run(ping(0), ping(5)) == ImportSummary(imported=0, dropped=2, visits=0)
    assert site.events() == []


@pytest.mark.parametrize(
    ("events", "bounce"),
    [
        ([line(0)], 1),
        ([line(0), line(5)], 0),
        ([line(0), line(5, name="Play", interactive=False)], 1),
        ([line(0), line(5, name="Play")], 0),
        ([line(0, name="Play")], 0),
        ([line(0, name="Play", interactive=False)], 1),
        ([line(0, name="Play", interactive=False), line(5)], 1),
        ([line(0, interactive=False), line(5, interactive=False)], 0),
    ],
    ids=["one page", "two pages", "silent", "interactive", "opens", "opens silent", "silent then page", "pages"],
)
def test_bounce(site: Importer, events: list[dict[str, Any]], bounce: int) -> None:
    site.run(*events)
    assert [visit["is_bounce"] for visit in site.visits()] == [bounce]


def test_visit_of_custom_events_has_no_pages_but_a_source(site: Importer) -> None:
    site.run(line(0, name="Signup", pathname="/form", source="Reddit"), line(5, name="Signup"))
    (visit,) = site.visits()
    assert (visit["entry_page"], visit["hostname"], visit["exit_page"], visit["exit_page_hostname"]) == ("", "", "", "")
    assert (visit["source"], visit["channel"], visit["pageviews"], visit["events"]) == (
        "Reddit",
        "Organic Social",
        0,
        2,
    )


def test_visitors_do_not_share_visits(site: Importer) -> None:
    assert site.run(line(0), line(1, visitor_id=BERT), line(2)).visits == 2
    assert [(v["visitor_id"], v["pageviews"]) for v in site.visits()] == [(0xAA, 2), (0xBB, 1)]


def test_given_session_ids_group_whatever_the_gap(site: Importer) -> None:
    site.run(line(0, session_id="s1"), line(9000, session_id="s1"), line(1, session_id="s2"), line(2))
    assert sorted((v["duration"], v["pageviews"]) for v in site.visits()) == [(0, 1), (0, 1), (9000, 2)]


def test_lines_without_visitor_are_visitors_of_their_own_unless_they_share_a_session(site: Importer) -> None:
    site.run(
        line(0, visitor_id=None),
        line(0, visitor_id=None),
        line(0, visitor_id=None, session_id="s"),
        line(1, visitor_id=None, session_id="s"),
    )
    visits = site.visits("visitor_id, pageviews")
    assert sorted(visit["pageviews"] for visit in visits) == [1, 1, 2]
    assert len({visit["visitor_id"] for visit in visits}) == 3


def test_callers_own_visitor_ids_are_hashed_under_the_sites_secret(site: Importer) -> None:
    site.run(line(0, visitor_id="käthe"), line(5, visitor_id="käthe"), line(5, visitor_id="V_00000000000000AA"))
    expected = int.from_bytes(blake2b("käthe".encode(), digest_size=8, key=SECRET).digest(), "big")
    found = {visit["visitor_id"]: visit["pageviews"] for visit in site.visits()}
    assert found[expected] == 2
    assert 0xAA not in found


def test_visitor_number_is_read_in_either_case(site: Importer) -> None:
    site.run(line(0, visitor_id="v_ABCDEF0123456789"))
    assert site.visits()[0]["visitor_id"] == 0xABCDEF0123456789


def test_day_is_the_sites_and_a_visit_over_midnight_keeps_its_first(site: Importer) -> None:
    site.run(line(timestamp="2026-07-01T21:59:00Z"), line(timestamp="2026-07-01T22:01:00Z"))
    assert [row["day"] for row in site.events("day, timestamp")] == ["2026-07-01", "2026-07-02"]
    assert [visit["day"] for visit in site.visits("day")] == ["2026-07-01"]


@pytest.mark.parametrize(
    ("stamp", "stored"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31 12:00:00"),
        ("2026-01-31T12:00:00", "2026-01-31 12:00:00"),
        ("2026-01-31 12:00", "2026-01-31 12:00:00"),
        ("2026-01-31T12:00:00.987654+05:30", "2026-01-31 06:30:00"),
        ("2026-01-31T12:00:00-0800", "2026-01-31 20:00:00"),
        ("2026-01-31", "2026-01-31 00:00:00"),
    ],
)
def test_timestamp_forms(site: Importer, stamp: str, stored: str) -> None:
    site.run(line(timestamp=stamp))
    assert [row["timestamp"] for row in site.events()] == [stored]


def test_absent_fields_take_their_defaults(site: Importer) -> None:
    site.run_body(b'{"timestamp":"2026-01-31T12:00:00Z","props":null,"city_geoname_id":null}')
    (row,) = site.events(
        "name, hostname, pathname, channel, prop_keys, city_geoname_id, scroll_depth, revenue_source_amount"
    )
    assert row == {
        "name": "pageview",
        "hostname": "(none)",
        "pathname": "/",
        "channel": "Direct",
        "prop_keys": [],
        "city_geoname_id": 0,
        "scroll_depth": 0,
        "revenue_source_amount": None,
    }


def test_given_channel_is_kept(site: Importer) -> None:
    site.run(line(0, source="Google", channel="Partners"))
    assert site.events()[0]["channel"] == "Partners"


def test_engagement_values_are_stored_for_pings_only(site: Importer) -> None:
    site.run(line(0, scroll_depth=40, engagement_time=9), ping(1, scroll_depth=70), ping(2, scroll_depth=None))
    assert [(r["scroll_depth"], r["engagement_time"]) for r in site.events()] == [(0, 0), (70, 1000), (255, 1000)]


def test_revenue_is_reported_in_the_goals_currency(store: EventStore) -> None:
    def rate(source: str, target: str, on: date) -> Decimal | None:
        return {("EUR", "EUR"): Decimal(1), ("USD", "EUR"): Decimal("0.8123")}.get((source, target))

    site = Importer(store, BulkTarget(next(_site_numbers), "Etc/UTC", SECRET, {"Purchase": "EUR"}, rate))
    site.run(
        line(0, name="Purchase", revenue_currency="EUR", revenue_amount=10.5),
        line(1, name="Purchase", revenue_currency="USD", revenue_amount="100"),
        line(2, name="Purchase", revenue_currency="JPY", revenue_amount=5),
        line(3, name="Refund", revenue_currency="EUR", revenue_amount=-1),
    )
    columns = "revenue_source_amount AS s, revenue_source_currency AS sc"
    columns += ", revenue_reporting_amount AS r, revenue_reporting_currency AS rc, timestamp, session_id"
    assert [(row["s"], row["sc"], row["r"], row["rc"]) for row in site.events(columns)] == [
        ("10.5", "EUR", "10.5", "EUR"),
        ("100", "USD", "81.23", "EUR"),
        ("5", "JPY", None, ""),
        ("-1", "EUR", None, ""),
    ]


@pytest.mark.parametrize(
    ("sent", "kept"), [("1.2355", "1.236"), (1.2345, "1.234"), (-0.0006, "-0.001"), ("1e2", "100")]
)
def test_amounts_are_rounded_like_live_ones(site: Importer, sent: str | float, kept: str) -> None:
    site.run(line(0, name="Order", revenue_currency="EUR", revenue_amount=sent))
    assert site.events("revenue_source_amount") == [{"revenue_source_amount": kept}]


@pytest.mark.parametrize("amount", [b'"12.50"', b"-3", b"1e2", b"0.5 ", b' "7"', b" null"])
def test_good_amounts_cost_no_second_look(site: Importer, monkeypatch: pytest.MonkeyPatch, amount: bytes) -> None:
    monkeypatch.setattr(bulk, "explain_shape", pytest.fail)
    currency = b"null" if b"null" in amount else b'"EUR"'
    site.run_body(b'{"timestamp":"2026-01-01","revenue_currency":%s,"revenue_amount":%s}' % (currency, amount))


def test_nul_characters_are_removed_and_other_text_is_kept(site: Importer) -> None:
    text = orjson.dumps(line(0, pathname="/a\0b", source="😀 \\u0000 'x'", props={"k": "\0", "ü": "\tä"}))
    site.run_body(text)
    (row,) = site.events()
    assert (row["pathname"], row["source"]) == ("/ab", "😀 \\u0000 'x'")
    assert (row["prop_keys"], row["prop_values"]) == (["ü"], ["\tä"])


def test_blank_lines_and_windows_line_ends_are_no_events(site: Importer) -> None:
    body = b"\r\n\r\n" + body_of(line(0)).replace(b"\n", b"\r\n") + b"\n   \n" + body_of(line(5))
    assert site.run_body(body) == ImportSummary(imported=2, dropped=0, visits=1)


@pytest.mark.parametrize("body", [b"", b"\n\n", b"  "])
def test_empty_body_imports_nothing(site: Importer, body: bytes) -> None:
    assert site.run_body(body) == ImportSummary(imported=0, dropped=0, visits=0)


BAD_LINES: dict[str, tuple[bytes | dict[str, Any], str]] = {
    "not json": (b"hello", "JSON"),
    "array": (b"[1]", "JSON object"),
    "number": (b"1", "JSON object"),
    "empty object": (b"{}", "timestamp"),
    "cut": (b'{"timestamp":"2026-01-01"', "JSON"),
    "two objects": (body_of(line(0)).strip() + body_of(line(1)).strip(), "one JSON object"),
    "two objects, comma": (body_of(line(0)).strip() + b"," + body_of(line(1)).strip(), "one JSON object"),
    "garbage after": (body_of(line(0)).strip() + b" x", "one JSON object"),
    "invalid UTF-8": (b'{"timestamp":"2026-01-01","source":"\xff"}', "UTF-8"),
    "deep": (b'{"timestamp":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
    "timestamp with a control character": (b'{"timestamp":"bad\x01"}', "timestamp"),
    "timestamp with a raw NUL": (b'{"timestamp":"bad\x00"}', "timestamp"),
    "not a JSON number": (b'{"timestamp":"2026-01-01","scroll_depth":inf}', "scroll_depth"),
    "number of 5,000 digits": (b'{"timestamp":"2026-01-01","scroll_depth":%s}' % (b"9" * 5000), "scroll_depth"),
    "text of 5,000 digits": (b'{"timestamp":"2026-01-01","name":%s}' % (b"9" * 5000), "name"),
    "surrogate as key": (b'{"timestamp":"2026-01-01","\\ud800":1}', "field"),
    "surrogate as key, twice": (b'{"timestamp":"2026-01-01","\\ud800":1,"\\ud800":1}', "twice"),
    "surrogate in a bad value": (b'{"timestamp":"2026-01-01","country_code":"\\udc00"}', "country_code"),
    "lone surrogate": (b'{"timestamp":"2026-01-01","source":"\\ud800"}', "source"),
    "repeated key": (b'{"timestamp":"2026-01-01","name":"a","name":"b"}', "name"),
    "unknown key": (line(0, path="/x"), "path"),
    "our own key": (line(0, line=7), "line"),
    "other case": (line(0, Name="x"), "Name"),
    "no timestamp": ({"name": "pageview"}, "timestamp"),
    "timestamp null": (line(0, timestamp=None), "timestamp"),
    "timestamp number": (line(0, timestamp=1), "timestamp"),
    "timestamp word": (line(0, timestamp="yesterday"), "timestamp"),
    "no such day": (line(0, timestamp="2026-02-30T00:00:00Z"), "timestamp"),
    "month 0": (line(0, timestamp="2026-00-10T00:00:00Z"), "timestamp"),
    "day 0": (line(0, timestamp="2026-01-00"), "timestamp"),
    "no such hour": (line(0, timestamp="2026-02-03T24:10:00Z"), "timestamp"),
    "no such zone": (line(0, timestamp="2026-02-03T10:00:00+99:00"), "timestamp"),
    "too early": (line(0, timestamp="1971-01-01T00:00:00Z"), "timestamp"),
    "in the future": (line(0, timestamp="2099-01-01T00:00:00Z"), "timestamp"),
    "blank name": (line(0, name=" "), "name"),
    "name of a no-break space": (line(0, name="\u00a0"), "name"),
    "long name": (line(0, name="é" * 121), "name"),
    "name number": (line(0, name=404), "name"),
    "pathname list": (line(0, pathname=["/"]), "pathname"),
    "long pathname": (line(0, pathname="/" + "x" * 2000), "pathname"),
    "country": (line(0, country_code="Germany"), "country_code"),
    "region": (line(0, subdivision1_code="Bavaria"), "subdivision1_code"),
    "city negative": (line(0, city_geoname_id=-1), "city_geoname_id"),
    "city huge": (line(0, city_geoname_id=2**40), "city_geoname_id"),
    "props list": (line(0, props=["a"]), "props"),
    "props number": (line(0, props={"a": 1}), "props"),
    "props nested": (line(0, props={"a": {"b": "c"}}), "props"),
    "31 props": (line(0, props={f"k{n}": "v" for n in range(31)}), "props"),
    "long prop key": (line(0, props={"k" * 301: "v"}), "props"),
    "long prop value": (line(0, props={"k": "v" * 2001}), "props"),
    "currency": (line(0, revenue_currency="eur", revenue_amount=1), "revenue_currency"),
    "amount alone": (line(0, revenue_amount=1), "revenue_currency"),
    "currency alone": (line(0, revenue_currency="EUR"), "revenue_amount"),
    "amount text": (line(0, revenue_currency="EUR", revenue_amount="1,5"), "revenue_amount"),
    "amount huge": (line(0, revenue_currency="EUR", revenue_amount=10**18), "revenue_amount"),
    "amount rounds too far": (line(0, revenue_currency="EUR", revenue_amount="999999999999999.9999"), "revenue_amount"),
    "amount blank": (line(0, revenue_currency="EUR", revenue_amount=""), "revenue_amount"),
    "amount of a sign": (line(0, revenue_currency="EUR", revenue_amount="-"), "revenue_amount"),
    "amount of a sign alone": (b'{"timestamp":"2026-01-01","revenue_currency":"EUR","revenue_amount":-}', "JSON"),
    "amount flag": (line(0, revenue_currency="EUR", revenue_amount=True), "revenue_amount"),
    "depth over 100": (ping(0, scroll_depth=101), "scroll_depth"),
    "depth fraction": (ping(0, scroll_depth=1.5), "scroll_depth"),
    "depth word": (ping(0, scroll_depth="half"), "scroll_depth"),
    "depth blank": (ping(0, scroll_depth=""), "scroll_depth"),
    "time negative": (ping(0, engagement_time=-1), "engagement_time"),
    "ping of nothing": (line(0, name="engagement"), "scroll_depth"),
    "interactive text": (line(0, interactive="no"), "interactive"),
}


@pytest.mark.parametrize(("bad", "word"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_bad_line_is_named_and_nothing_is_kept(site: Importer, bad: bytes | dict[str, Any], word: str) -> None:
    text = bad if isinstance(bad, bytes) else orjson.dumps(bad)
    with pytest.raises(InvalidLine) as caught:
        site.run_body(body_of(line(0)) + b"\n" + text + b"\n" + body_of(line(5)))
    assert caught.value.line == 3
    assert word in caught.value.message
    assert "Exception" not in caught.value.message
    assert caught.value.message.encode()
    assert site.events() == site.visits() == []


@pytest.mark.parametrize("later", [b"hello", b'{"timestamp":"2026-01-01","nope":1}'], ids=["not json", "unknown key"])
def test_first_bad_line_is_named_whether_its_shape_or_its_value_is_bad(site: Importer, later: bytes) -> None:
    body = body_of(line(0), line(1, name=" "), line(2)) + later + b"\n"
    with pytest.raises(InvalidLine) as caught:
        site.run_body(body)
    assert caught.value.line == 2


def test_bad_line_of_a_later_chunk_is_named(site: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK_BYTES", 300)
    with pytest.raises(InvalidLine) as caught:
        site.run(*(line(second) for second in range(10)), line(10, country_code="?"))
    assert caught.value.line == 11


def test_chunks_make_no_difference(site: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK_BYTES", 100)
    assert site.run(*(line(second, pathname=f"/{second}") for second in range(20))).visits == 1
    assert [(v["pageviews"], v["entry_page"], v["exit_page"]) for v in site.visits()] == [(20, "/0", "/19")]


def test_slices_make_no_difference(site: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stats.store.import_tables.LINES_PER_SLICE", 3)
    events = [line(second, visitor_id=f"user {second % 7}") for second in range(21)]
    assert site.run(*events) == ImportSummary(imported=21, dropped=0, visits=7)
    assert [visit["pageviews"] for visit in site.visits()] == [3] * 7


def test_endless_line_is_refused_while_it_is_read(site: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(bulk, "MAX_LINE_BYTES", 2000)
    with pytest.raises(InvalidLine) as caught:
        site.run_body(body_of(line(0)) + b"{" + b" " * 5000)
    assert caught.value.line == 2


def test_short_lines_make_small_chunks() -> None:
    chunks = list(bulk._chunks(io.BytesIO(b"\n" * 1_000_000 + b"{}\n" * 1_000_000), lambda block: None))
    assert max(len(chunk.lines) for chunk in chunks) < 600_000
    assert sum(chunk.count() for chunk in chunks) == 1_000_000
    numbers = [number for chunk in chunks for number in (chunk.first_number, chunk.first_number + len(chunk.lines))]
    assert numbers[1:-1:2] == numbers[2::2]
    assert numbers[-1] == 2_000_001


def test_body_sent_again_counts_once(site: Importer) -> None:
    first = site.run(line(0), line(5))
    again = site.run(line(0), line(5))
    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert (again.imported, again.visits) == (2, 1)
    assert len(site.events()) == 2


def test_body_sent_twice_at_once_counts_once(site: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the first sending lets go of the database, the second one runs to its end before the first goes on."""
    outcomes: list[ImportSummary] = []

    def send() -> None:
        outcomes.append(site.run(line(0), line(5)))

    first, second = threading.Thread(target=send), threading.Thread(target=send)
    database = threading.Lock()
    real = import_writes.ImportJournal.begin

    class HandsOver:
        def __enter__(self) -> None:
            database.acquire()

        def __exit__(self, *reason: object) -> None:
            database.release()
            if second.ident is not None and threading.current_thread() is first:
                second.join()

    def begin(self: import_writes.ImportJournal, record: import_writes.ImportRecord) -> None:
        real(self, record)
        second.start()

    monkeypatch.setattr(import_writes.ImportJournal, "begin", begin)
    monkeypatch.setattr(bulk._turnstile, "database", HandsOver())
    first.start()
    first.join()
    assert sorted(outcome.is_repeat for outcome in outcomes) == [False, True]
    assert (len(site.events()), len(site.visits())) == (2, 1)


def test_same_body_on_another_site_counts_there(site: Importer, store: EventStore) -> None:
    site.run(line(0))
    assert Importer(store).run(line(0)).is_repeat is False


def test_import_over_many_months_is_one_import(site: Importer) -> None:
    events = [line(timestamp=f"{1995 + n // 12}-{n % 12 + 1:02d}-15T12:00:00Z") for n in range(150)]
    assert site.run(*events).imported == 150


def interrupt_at(monkeypatch: pytest.MonkeyPatch, statement: str) -> Callable[[], None]:
    """Make the store fail at the first statement with this tag; return what lets it work again."""
    real = EventStore.execute

    def failing(self: EventStore, sql: str, parameters: Any = None, *, tag: str, **rest: Any) -> None:
        if tag == statement:
            raise StoreUnavailable("the disk is full")
        real(self, sql, parameters, tag=tag, **rest)

    monkeypatch.setattr(EventStore, "execute", failing)
    return lambda: monkeypatch.setattr(EventStore, "execute", real)


def test_failure_before_writing_leaves_nothing(site: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    mend = interrupt_at(monkeypatch, "import visits")
    with pytest.raises(StoreUnavailable):
        site.run(line(0))
    mend()
    assert site.events() == []
    assert site.run(line(0)).is_repeat is False


def test_failure_while_writing_is_finished_by_sending_the_body_again(
    site: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = interrupt_at(monkeypatch, "import sessions")
    with pytest.raises(StoreUnavailable):
        site.run(line(0), line(5))
    mend()
    assert (len(site.events()), len(site.visits())) == (2, 0)
    assert site.run(line(0), line(5)).imported == 2
    assert (len(site.events()), len(site.visits())) == (2, 1)


def test_failure_while_writing_is_finished_at_the_next_start(
    site: Importer, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = interrupt_at(monkeypatch, "import sessions")
    with pytest.raises(StoreUnavailable):
        site.run(line(0), line(5))
    mend()
    ImportTables(store).create()
    assert import_writes.recover_imports(store, older_than_s=3600) == (0, 0)
    assert import_writes.recover_imports(store) == (1, 1)
    assert (len(site.events()), len(site.visits())) == (2, 1)
    assert site.run(line(0), line(5)).is_repeat is True


def test_imports_beyond_the_waiting_line_are_sent_away(site: Importer) -> None:
    entered, leave = threading.Event(), threading.Event()

    class SlowBody:
        def read(self, size: int, /) -> bytes:
            entered.set()
            leave.wait(10)
            return b""

    def send() -> None:
        import_lines(site.store, site.target, SlowBody())

    threads = [threading.Thread(target=send) for _ in range(1 + bulk.MAX_WAITING)]
    for thread in threads:
        entered.clear()
        thread.start()
        assert entered.wait(10)
    with pytest.raises(StoreBusy) as caught:
        site.run(line(0))
    leave.set()
    for thread in threads:
        thread.join()
    assert caught.value.headers["Retry-After"] == "30"
