"""Access logs: every line is a view or is left out for one reason, and a view is enriched like a live event."""

import gzip
import io
import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import Site
from stats.ingest.access_log import AccessLog, LogLine, SkipReason, parse_log_line
from stats.management.commands import import_log
from stats.models import CityName
from stats.store.client import EventStore
from stats.types import Place
from tests.factories import make_site
from tests.place_files import write_database

ROOT = Path(__file__).resolve().parents[3]
PUBLIC_LOG = ROOT.parent / "shared" / "data" / "access.log.gz"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
BERLIN = Place("DE", "DE-BE", "", 2950159)
_minutes = itertools.count()


def log_line(
    request: str = "GET /Tea/?x=1 HTTP/1.1",
    *,
    status: int = 200,
    referrer: str = "-",
    agent: str = FIREFOX,
    head: str = "203.0.113.9 - -",
    at: str = "17/May/2015:10:05:03 +0000",
) -> str:
    return f'{head} [{at}] "{request}" {status} 2326 "{referrer}" "{agent}"\n'


def read(lines: Sequence[str], timezone: str = "Etc/UTC") -> tuple[AccessLog, list[dict[str, Any]]]:
    log = AccessLog(
        [line.encode() for line in lines],
        domain="shop.example",
        timezone_name=timezone,
        find_place=lambda address: BERLIN if address == "203.0.113.9" else Place(),
        latest=1_800_000_000,
    )
    body = b""
    while part := log.read(100):
        body += part
    return log, [json.loads(line) for line in body.splitlines()]


def test_payment_page_is_no_source() -> None:
    _, (event,) = read([log_line("GET /thanks HTTP/1.1", referrer="https://checkout.stripe.com/c/pay/cs_1")])
    assert (event["source"], event["referrer"], event["channel"]) == ("", "", "Direct")


def test_view_is_enriched_like_a_live_event() -> None:
    _, (event,) = read(
        [log_line("GET /caf%C3%A9?utm_source=FB-Ads HTTP/1.1", referrer="https://www.google.com/search")]
    )
    assert event.pop("visitor_id").startswith("v_")
    assert {name: value for name, value in event.items() if value} == {
        "timestamp": "2015-05-17T10:05:03Z",
        "hostname": "shop.example",
        "pathname": "/café",
        "referrer": "google.com/search",
        "source": "Facebook",
        "channel": "Paid Social",
        "utm_source": "FB-Ads",
        "country_code": "DE",
        "subdivision1_code": "DE-BE",
        "city_geoname_id": 2950159,
        "screen_size": "Desktop",
        "browser": "Firefox",
        "browser_version": "128.0",
        "os": "GNU/Linux",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (log_line(head="shop.example:443 2001:DB8::5 - käthe"), ("shop.example", "2001:db8::5")),
        (log_line(head="www.shop.example 198.51.100.7 - -"), ("www.shop.example", "198.51.100.7")),
        (log_line(head="host.isp.example - john smith"), ("", "host.isp.example")),
        (log_line(head="::ffff:198.51.100.7 - -"), ("", "198.51.100.7")),
    ],
    ids=["virtual host and port", "virtual host", "resolved name", "mapped address"],
)
def test_client_and_virtual_host_are_told_apart(line: str, expected: tuple[str, str]) -> None:
    parsed = parse_log_line(line)
    assert parsed is not None
    assert (parsed.host, parsed.address) == expected


def test_quotes_and_escapes_inside_fields_are_read() -> None:
    line = log_line(r"GET /say?q=\"hi\" HTTP/1.1", agent=r"Agent \"7\" \\ \x41").rstrip("\n") + ' "extra" 0.003\n'
    parsed = parse_log_line(line)
    assert parsed is not None
    assert parsed.agent == 'Agent "7" \\ A'
    assert parsed.status == "200"


def test_common_format_has_no_agent() -> None:
    parsed = parse_log_line('203.0.113.9 - - [17/May/2015:10:05:03 -0700] "GET / HTTP/1.0" 304 -')
    assert parsed == LogLine("", "203.0.113.9", 1431882303, "GET", "/", "304", "", None)
    assert len(read(['203.0.113.9 - - [17/May/2015:10:05:03 -0700] "GET / HTTP/1.0" 304 -\n'])[1]) == 1


LEFT_OUT: dict[str, tuple[str, SkipReason]] = {
    "blank": ("\n", SkipReason.UNREADABLE),
    "not a log": ("hello world\n", SkipReason.UNREADABLE),
    "binary": ("\x00\xff\x16\x03\n", SkipReason.UNREADABLE),
    "no request": (log_line("-", status=408), SkipReason.UNREADABLE),
    "TLS on a plain port": (log_line(r"\x16\x03\x01", status=400), SkipReason.UNREADABLE),
    "no such day": (log_line(at="32/May/2015:10:05:03 +0000"), SkipReason.UNREADABLE),
    "no such month": (log_line(at="17/Mai/2015:10:05:03 +0000"), SkipReason.UNREADABLE),
    "no such zone": (log_line(at="17/May/2015:10:05:03 +9900"), SkipReason.UNREADABLE),
    "future": (log_line(at="17/May/2095:10:05:03 +0000"), SkipReason.UNREADABLE),
    "post": (log_line("POST /Tea/ HTTP/1.1"), SkipReason.METHOD),
    "head": (log_line("HEAD /Tea/ HTTP/1.1"), SkipReason.METHOD),
    "redirect": (log_line(status=301), SkipReason.STATUS),
    "missing": (log_line(status=404), SkipReason.STATUS),
    "failed": (log_line(status=500), SkipReason.STATUS),
    "part": (log_line(status=206), SkipReason.STATUS),
    "long": (log_line("GET /" + "x" * 2000 + " HTTP/1.1"), SkipReason.TOO_LONG),
    "feed by name": (log_line("GET /blog/feed/ HTTP/1.1"), SkipReason.FEED),
    "feed by extension": (log_line("GET /index.RSS HTTP/1.1"), SkipReason.FEED),
    "feed by parameter": (log_line("GET /?flav=rss20 HTTP/1.1"), SkipReason.FEED),
    "image": (log_line("GET /logo.PNG?v=3 HTTP/1.1"), SkipReason.ASSET),
    "script": (log_line("GET /js/app.min.js HTTP/1.1"), SkipReason.ASSET),
    "robots": (log_line("GET /robots.txt HTTP/1.1"), SkipReason.ASSET),
    "icon": (log_line("GET /favicon.ico HTTP/1.1"), SkipReason.ASSET),
    "crawler": (log_line(agent=GOOGLEBOT), SkipReason.BOT),
    "spam": (log_line(referrer="http://semalt.com/x"), SkipReason.SPAM),
}


@pytest.mark.parametrize(("line", "reason"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_line_is_left_out_for_its_reason(line: str, reason: SkipReason) -> None:
    log, events = read([line])
    assert events == []
    assert dict(log.skipped) == {reason: 1}


@pytest.mark.parametrize(
    "target", ["/", "/page.html", "/a.b/c", "/v1.2", "/feedback", "/?format=wide", "http://shop.example/x"]
)
def test_pages_are_views(target: str) -> None:
    assert len(read([log_line(f"GET {target} HTTP/1.1")])[1]) == 1


def test_counts_add_up_to_the_lines() -> None:
    log, events = read([line for line, _ in LEFT_OUT.values()] + [log_line()] * 3)
    assert log.lines == len(LEFT_OUT) + 3
    assert log.views == len(events) == 3
    assert sum(log.skipped.values()) == len(LEFT_OUT)


def test_visitor_lives_one_local_day_and_is_another_in_the_next_reading() -> None:
    lines = [
        log_line(at="17/May/2015:20:00:00 +0000"),
        log_line(at="17/May/2015:21:59:59 +0000"),
        log_line(at="17/May/2015:22:00:00 +0000"),
        log_line(at="17/May/2015:20:00:00 +0000", agent="Other/1.0"),
    ]
    first = [event["visitor_id"] for event in read(lines, "Europe/Berlin")[1]]
    again = [event["visitor_id"] for event in read(lines, "Europe/Berlin")[1]]
    assert first[0] == first[1]
    assert len({*first}) == 3
    assert not {*first} & {*again}


@pytest.fixture
def site(db: None, store: EventStore) -> Site:
    return make_site(timezone="Etc/UTC")


def run(*arguments: str) -> dict[str, Any]:
    output = io.StringIO()
    call_command("import_log", *arguments, "--json", stdout=output)
    summary: dict[str, Any] = json.loads(output.getvalue())
    return summary


def visits(store: EventStore, site: Site) -> list[dict[str, Any]]:
    sql = "SELECT entry_page, exit_page, pageviews, duration FROM sessions WHERE site_id = {id:UInt32} ORDER BY start"
    return store.read_rows(sql, {"id": site.pk}, tag="test")


def write_logs(directory: Path) -> list[str]:
    older, newer = directory / "access.log.1.gz", directory / "access.log"
    older.write_bytes(gzip.compress(log_line("GET /a HTTP/1.1").encode()))
    newer.write_text(log_line("GET /b HTTP/1.1", at="17/May/2015:10:10:03 +0000") + log_line("GET /x.css HTTP/1.1"))
    return [str(older), str(newer)]


def test_visit_goes_on_from_a_zipped_log_into_the_next(site: Site, store: EventStore, tmp_path: Path) -> None:
    summary = run(*write_logs(tmp_path), "--site", site.domain)
    assert (summary["lines"], summary["views"], summary["left_out"]) == (3, 2, {"asset": 1})
    assert (summary["imported"], summary["visits"], summary["repeated"]) == (2, 1, False)
    assert visits(store, site) == [{"entry_page": "/a", "exit_page": "/b", "pageviews": 2, "duration": 300}]


def test_log_imported_again_adds_nothing(site: Site, store: EventStore, tmp_path: Path) -> None:
    logs = write_logs(tmp_path)
    run(*logs, "--site", site.domain)
    assert run(*logs, "--site", site.public_id)["repeated"] is True
    assert len(visits(store, site)) == 1


def test_table_names_every_reason_and_the_total(site: Site, tmp_path: Path) -> None:
    output = io.StringIO()
    call_command("import_log", *write_logs(tmp_path), "--site", site.domain, stdout=output)
    assert "image, style, script or other file" in output.getvalue()
    assert "lines in all" in output.getvalue()
    assert "Imported 2 pageviews in 1 visit. " in output.getvalue()
    assert "lines a second" not in output.getvalue()


def test_table_tells_one_pageview_and_none(site: Site, tmp_path: Path) -> None:
    for text, expected in ((log_line(), "Imported 1 pageview in 1 visit. "), ("", "Nothing was imported. ")):
        (tmp_path / "log").write_text(text)
        output = io.StringIO()
        call_command("import_log", str(tmp_path / "log"), "--site", site.domain, stdout=output)
        assert expected in output.getvalue()


def test_standard_input_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(log_line().encode())))
    monkeypatch.setattr(sys, "stdin", stream)
    assert run("-", "--site", site.domain)["imported"] == 1


def test_broken_gzip_imports_nothing(site: Site, store: EventStore, tmp_path: Path) -> None:
    broken = tmp_path / "cut.gz"
    broken.write_bytes(gzip.compress(log_line().encode() * 1000)[:-20])
    with pytest.raises(CommandError, match="nothing was imported"):
        run(str(broken), "--site", site.domain)
    assert visits(store, site) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["missing.log", "--site", "shop.example", "--url", "http://x", "--key", "k"], "missing.log"),
        ([__file__, "--site", "nosuch.example"], "no site nosuch.example"),
        ([__file__, "--site", "shop.example", "--url", "http://x"], "go together"),
        ([__file__, "--site", "shop.example", "--url", "ftp://x", "--key", "k"], "--url"),
        ([__file__, "--site", "shop.example", "--url", "http://127.0.0.1:9", "--key", "k"], "refused"),
    ],
)
@pytest.mark.django_db
def test_wrong_call_is_answered_with_a_sentence(store: EventStore, arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        run(*arguments)


def test_names_of_cities_are_saved(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    berlin = {"country": {"iso_code": "DE"}, "city": {"geoname_id": 2950159, "names": {"en": "Berlin"}}}
    file = write_database(tmp_path / "city.mmdb", {"85.214.0.0/16": berlin})
    monkeypatch.setattr(settings, "GEOIP_CITY_DB", file)
    (tmp_path / "log").write_text(log_line("GET /a HTTP/1.1", head="85.214.1.1 - -"))
    run(str(tmp_path / "log"), "--site", site.domain)
    assert CityName.objects.get(geoname_id=2950159).name == "Berlin"

    CityName.objects.all().delete()
    monkeypatch.setattr(import_log, "post_to_server", lambda *parts: (200, {"imported": 1}))
    sending = (str(tmp_path / "log"), "--site", site.domain, "--url", "http://127.0.0.1:9", "--key", "ff_k")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(import_log, "keeps_city_names", lambda: False)
        run(*sending)
    assert not CityName.objects.exists()
    run(*sending)
    assert CityName.objects.get(geoname_id=2950159).name == "Berlin"


@pytest.mark.usefixtures("db")
def test_url_sends_the_views_to_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, bytes, dict[str, str]]] = []

    def post(url: str, site: str, route: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        assert route == "events/import"
        sent.append((url, site, body.read(), headers))
        return 200, {"imported": 2}

    monkeypatch.setattr(import_log, "post_to_server", post)
    summary = run(*write_logs(tmp_path), "--site", "shop.example", "--url", "http://server:8000", "--key", "secret")
    ((url, name, body, headers),) = sent
    assert (url, name, headers["Authorization"]) == ("http://server:8000", "shop.example", "Bearer secret")
    assert int(headers["Content-Length"]) == len(body)
    assert [json.loads(line)["pathname"] for line in gzip.decompress(body).splitlines()] == ["/a", "/b"]
    assert headers["Idempotency-Key"].startswith("access log ")
    assert (summary["imported"], summary["views"]) == (2, 2)


def test_refusal_of_the_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_log, "post_to_server", lambda *_: (401, {"error": "Invalid API key"}))
    with pytest.raises(CommandError, match="401: Invalid API key"):
        run(*write_logs(tmp_path), "--site", "shop.example", "--url", "http://server", "--key", "wrong")


def test_store_held_by_a_server_is_said_with_the_way_out(store: EventStore, tmp_path: Path) -> None:
    store.ping()
    program = "import sys; from django.core.management import execute_from_command_line as run; run(sys.argv)"
    environment = {
        "DATA_DIR": str(tmp_path),
        "EVENTS_URL": settings.EVENTS_URL,
        "DJANGO_SETTINGS_MODULE": "analytics_project.settings",
        "PATH": "",
    }

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            check=False,
        )

    manage("migrate", "-v0")
    manage("provision", "user", "--email", "k@shop.example")
    team = json.loads(manage("provision", "team", "--name", "T", "--owner", "k@shop.example", "--json").stdout)
    manage("provision", "site", "--domain", "shop.example", "--team", team["team_id"])
    done = manage("import_log", __file__, "--site", "shop.example")
    assert done.returncode == 1
    assert "held by another process" in done.stderr
    assert "--url" in done.stderr


@pytest.mark.skipif(not PUBLIC_LOG.exists(), reason=f"the public sample log is not at {PUBLIC_LOG}")
def test_public_log_adds_up_and_leaves_out_crawlers_and_files(site: Site, store: EventStore) -> None:
    summary = run(str(PUBLIC_LOG), "--site", site.domain)
    assert summary["lines"] == 10_000
    assert summary["views"] + sum(summary["left_out"].values()) == 10_000
    assert summary["imported"] == summary["views"]
    assert summary["left_out"]["not_get"] == 48
    sql = "SELECT pathname, count() AS views FROM events WHERE site_id = {id:UInt32} GROUP BY pathname "
    pages = store.read_rows(sql + "ORDER BY views DESC LIMIT 4", {"id": site.pk}, tag="test")
    assert [page["pathname"] for page in pages] == [
        "/projects/xdotool/",
        "/projects/xdotool/xdotool.xhtml",
        "/articles/dynamic-dns-with-dhcp/",
        "/",
    ]
