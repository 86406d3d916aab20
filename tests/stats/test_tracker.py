"""The tracker script over HTTP: its names, its headers, one site's own script, and the committed artefact."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from django.test import Client

from stats.models import TrackerConfiguration
from stats.tracker import script
from tests.factories import make_site

FOLDER = Path(script.__file__).parent
MINIFIED = FOLDER / "footfall.min.js"


@pytest.fixture
def client() -> Client:
    return Client(headers={"host": "count.example"})


@pytest.mark.parametrize("name", ["footfall.js", "footfall.min.js"])
def test_artefact_matches_the_source_it_was_made_from(name: str) -> None:
    digests = (line.split() for line in (FOLDER / "footfall.sha256").read_text().splitlines())
    recorded = {file: digest for digest, file in digests}

    assert recorded[name] == hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()


def test_artefact_is_small_ascii_and_has_one_place_for_the_configuration() -> None:
    content = MINIFIED.read_bytes()

    assert len(gzip.compress(content, compresslevel=9, mtime=0)) < 2_500
    assert content.isascii()
    assert content.count(b"SITE") == 1
    assert content.endswith(b"})(SITE);")


@pytest.mark.parametrize(
    "name",
    [
        "script.js",
        "plausible.js",
        "analytics.js",
        "script.hash.js",
        "script.revenue.hash.js",
        "script.hash.revenue.js",
        "plausible.pageleave.js",
        "script.hash.outbound-links.exclusions.compat.local.manual.file-downloads.pageview-props.tagged-events.revenue"
        ".pageleave.js",
    ],
)
def test_script_under_each_of_its_names_is_the_same_file(client: Client, name: str) -> None:
    answer = client.get(f"/js/{name}")

    assert answer.status_code == 200
    assert answer.content == MINIFIED.read_bytes().replace(b"SITE", b"0")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        "p.js",
        "script",
        "script.jsx",
        "script.min.js",
        "script.hash.hash.js",
        "script..js",
        "script.hash..js",
        "script.HASH.js",
        "Script.js",
        "script.js.js",
        "script.hash.js%00",
        "script.js%0a",
        "pa-.js",
        "pa-unknown.js",
        "pa-" + "a" * 5000 + ".js",
        "pa-%C3%A4.js",
        "..%5csettings.js",
        "footfall.min.js",
    ],
)
def test_script_under_an_unknown_name_is_not_found(client: Client, name: str) -> None:
    answer = client.get(f"/js/{name}")

    assert (answer.status_code, answer.content) == (404, b"Not found")


def test_script_headers_are_those_of_the_contract(client: Client) -> None:
    headers = client.get("/js/script.outbound-links.js").headers

    assert headers["Content-Type"] == "application/javascript"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "public, max-age=86400, must-revalidate"
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("accepted", ["gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "GZIP"])
def test_script_is_gzipped_for_those_who_take_it(client: Client, accepted: str) -> None:
    answer = client.get("/js/script.js", headers={"accept-encoding": accepted})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.content) == client.get("/js/script.js").content


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "gzip; q=0.0, br", "x-notgzip2"])
def test_script_is_plain_for_those_who_do_not_take_gzip(client: Client, accepted: str) -> None:
    answer = client.get("/js/script.js", headers={"accept-encoding": accepted})

    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.content.isascii()


@pytest.mark.parametrize("accepted", ["gzip", ""])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_script_that_is_known_to_the_browser_is_not_sent_again(client: Client, accepted: str, form: str) -> None:
    etag = client.get("/js/script.js", headers={"accept-encoding": accepted}).headers["ETag"]

    answer = client.get(
        "/js/plausible.hash.js", headers={"accept-encoding": accepted, "if-none-match": form.format(etag)}
    )

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=86400, must-revalidate"


def test_script_known_in_another_encoding_or_version_is_sent(client: Client) -> None:
    gzipped_etag = client.get("/js/script.js", headers={"accept-encoding": "gzip"}).headers["ETag"]

    for etag in (gzipped_etag, '"older"', "not an etag"):
        assert client.get("/js/script.js", headers={"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_script_refuses_methods_that_write(client: Client, method: str) -> None:
    checked = Client(enforce_csrf_checks=True, headers={"host": "count.example"})

    assert getattr(checked, method)("/js/script.js").status_code == 405


def test_script_answers_head_without_a_body(client: Client) -> None:
    answer = client.head("/js/script.js")

    assert (answer.status_code, answer.content) == (200, b"")


def _configuration(content: bytes) -> dict[str, object]:
    match = re.search(rb"\}\)\((\{.*\})\);\s*$", content)
    assert match is not None
    configuration: dict[str, object] = json.loads(match[1])
    return configuration


@pytest.mark.django_db
def test_site_script_has_the_domain_and_the_endpoint_written_in(client: Client) -> None:
    site = make_site(domain="käse.example")

    answer = client.get(f"/js/pa-{site.public_id.removeprefix('ds_')}.js")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=60, no-transform"
    assert answer.content.isascii()
    assert _configuration(answer.content) == {
        "domain": "käse.example",
        "endpoint": "//count.example/api/event",
        "fixed": {"persistentVisitor": False},
    }


@pytest.mark.django_db
def test_site_script_lets_the_page_choose_persistent_visitors_where_the_site_does(client: Client) -> None:
    site = make_site(visitor_ids="persistent")

    answer = client.get(f"/js/pa-{site.public_id.removeprefix('ds_')}.js", secure=True)

    assert _configuration(answer.content) == {"domain": site.domain, "endpoint": "https://count.example/api/event"}


@pytest.mark.django_db
def test_site_script_of_a_renamed_site_has_the_new_domain_and_another_etag(client: Client) -> None:
    site = make_site(domain="old.example")
    path = f"/js/pa-{site.public_id.removeprefix('ds_')}.js"
    etag = client.get(path).headers["ETag"]
    site.domain = "new.example"
    site.save()

    answer = client.get(path, headers={"if-none-match": etag})

    assert answer.status_code == 200
    assert _configuration(answer.content)["domain"] == "new.example"


@pytest.mark.django_db
@pytest.mark.parametrize("host", ['x"y', "a b", "count.example/evil", "{}"])
def test_site_script_asked_for_under_an_impossible_host_is_refused(client: Client, host: str) -> None:
    site = make_site()

    answer = client.get(f"/js/pa-{site.public_id.removeprefix('ds_')}.js", headers={"host": host})

    assert answer.status_code == 400


@pytest.mark.django_db
def test_configured_script_carries_what_is_switched_on_under_its_own_id(client: Client) -> None:
    site = make_site()
    tracker = TrackerConfiguration.objects.create(site=site, outbound_links=True, hash_based_routing=True)
    content = client.get(f"/js/{tracker.script_id}.js").content.decode()

    assert f'"domain":"{json.dumps(site.domain)[1:-1]}"' in content
    assert '"hashBasedRouting":true,"outboundLinks":true' in content
    assert "formSubmissions:true" not in content.replace('"', "")
    assert client.get(f"/js/{tracker.script_id[:-1]}~.js").status_code == 404
    site.delete()
    assert client.get(f"/js/{tracker.script_id}.js").status_code == 404
