"""Requests made up from the OpenAPI document against a real server: no 5xx, every answer as the document says.

Schemathesis makes them: boundary values, wrong types, missing and surplus members, other methods. It makes the same
ones each time, so a finding comes back until it is mended.
"""

import http.cookiejar
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Served
from tests.stats.query.fixtures import FIXTURE_A

SEED = 20_250_310
CASES_PER_OPERATION = 60
LIMIT_SECONDS = 240
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
)
EMAIL, PASSWORD = "ed@shop.example", "a long enough password"


def narrowed(document: Any, domain: str) -> Any:
    """Return the document with `site_id` saying the one site there is, so that requests get as far as its numbers."""
    if isinstance(document, list):
        return [narrowed(one, domain) for one in document]
    if not isinstance(document, dict):
        return document
    if document.get("name") == "site_id":
        return {**document, "schema": {"type": "string", "enum": [domain]}}
    changed = {key: narrowed(one, domain) for key, one in document.items()}
    if "site_id" in document and "metrics" in document:
        changed["site_id"] = {"type": "string", "enum": [domain]}
    return changed


def session_headers(served: Served) -> dict[str, str]:
    """Log an editor of the site in through the admin's form and return what their browser would send."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"{served.server.url}/admin/login/"
    browser.open(address).close()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
    browser.open(urllib.request.Request(address, urllib.parse.urlencode(form).encode(), {"Referer": address})).close()
    cookies = {cookie.name: cookie.value for cookie in jar}
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": str(cookies["csrftoken"]),
    }


def history() -> bytes:
    """Return the contract's fixture A as lines of an import."""
    lines = [
        {
            "timestamp": hit.moment.isoformat(),
            "visitor_id": hit.visitor,
            "name": hit.name,
            "pathname": hit.pathname,
            "props": hit.props,
            **({"scroll_depth": hit.scroll_depth, "engagement_time": hit.seconds * 1000} if hit.scroll_depth else {}),
            **hit.attributes,
        }
        for hit in FIXTURE_A
    ]
    return b"\n".join(json.dumps(line).encode() for line in lines)


@pytest.mark.slow
@pytest.mark.process
def test_made_up_requests_are_answered_as_documented(served: Served, tmp_path: Path) -> None:
    server = served.server
    # A super-user may log in to the admin, but only the role on the site opens its numbers.
    server.variables = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    server.command("createsuperuser", "--noinput", "--email", EMAIL)
    server.provision("member", "--team", served.team, "--email", EMAIL, "--role", "admin")
    key = server.provision("key", "--email", "ann@shop.example", "--legacy", "--scope", "sites:provision:*")["api_key"]
    imports = f"/api/v1/sites/{served.domain}/events/import"
    server.post(imports, history(), {"Authorization": f"Bearer {key}"})
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(narrowed(server.get("/api/schema", key), served.domain)))
    headers = {"Authorization": f"Bearer {key}", **session_headers(served)}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", server.url, "--no-color"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
            *("--seed", str(SEED), "--generation-deterministic", "--max-examples", str(CASES_PER_OPERATION)),
            *(word for name, value in headers.items() for word in ("-H", f"{name}: {value}")),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + (server.directory / "server.log").read_text()[-20_000:]
