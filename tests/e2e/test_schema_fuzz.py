"""Requests made up from the OpenAPI documents against a real server: no 5xx, every answer as the document says.

Schemathesis makes them: boundary values, wrong types, missing and surplus members, other methods. It makes the same
ones each time, so a finding comes back until it is mended.
"""

import base64
import http.cookiejar
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Served
from tests.e2e.server import ServerProcess
from tests.stats.query.fixtures import FIXTURE_A

CASES_PER_OPERATION = 25
# The boundary values of filter trees alone are 5,000 requests; the query gets more than the others at random instead.
CONFIGURATION = """
[[operations]]
include-path = "/api/v2/query"
phases.coverage.enabled = false
phases.fuzzing.generation.max-examples = 200
"""
LIMIT_SECONDS = 1200
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
)
OTHER_SITE = "other.example"
EMAIL, PASSWORD = "ed@shop.example", "a long enough password"


def narrowed(value: Any, domain: str) -> Any:
    """Return the document with every `site_id` being a site that there is, so that requests get as far as its data."""
    if isinstance(value, list):
        return [narrowed(one, domain) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("name") == "site_id":
        return {**value, "schema": {"enum": [domain]}}
    if "contentSchema" in value:  # an upload is made of lines that are objects, not of any text
        return narrowed(value["contentSchema"], domain)
    return {
        key: {"enum": [domain]} if _is_site(key, one) else one if key == "responses" else narrowed(one, domain)
        for key, one in value.items()
    }


def _is_site(key: str, schema: Any) -> bool:
    return key == "site_id" and isinstance(schema, dict) and schema.get("type") == "string"


def prepared(document: Any, domain: str, team: str) -> Any:
    """Return the document for this test: what changes or deletes a site is aimed at another one than the reports are.

    Members are those of a team that there is, and no key of the few that there are is revoked.

    The query of a session is the same code behind another door, so it gets a body of the three members that it needs.
    """
    made = narrowed(document, domain)
    for method in ("put", "delete"):
        made["paths"]["/api/v1/sites/{site_id}"][method] = narrowed(
            document["paths"]["/api/v1/sites/{site_id}"][method], OTHER_SITE
        )
    for path, methods in made["paths"].items():
        for parameter in (one for method in methods.values() for one in method["parameters"]):
            if parameter["in"] == "path" and parameter["name"] == "team_id":
                parameter["schema"] = {"enum": [team]}
            elif path == "/api/v1/sites/keys/{key_id}" and parameter["name"] == "key_id":
                parameter["schema"] = {"type": "integer", "minimum": 1000}
    query = made["components"]["schemas"]["Query"]
    few = {name: query["properties"][name] for name in query["required"]}
    content = made["paths"]["/api/docs/query"]["post"]["requestBody"]["content"]["application/json"]
    content["schema"] = {**query, "properties": few}
    return made


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


def failures_in(log: Path) -> str:
    """Return the server's log without the lines that say that a request was refused."""
    lines = log.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if " WARNING django.request " not in line)[-20_000:]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("served", [{"API_KEY_MINUTE_LIMIT": "0"}], ids=["no limit"], indirect=True)
def test_made_up_requests_are_answered_as_documented(served: Served, tmp_path: Path) -> None:
    server = served.server
    # A super-user may log in to the admin, but only the role on the site opens its numbers.
    server.variables = {**server.variables, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    server.command("createsuperuser", "--noinput", "--email", EMAIL)
    server.provision("member", "--team", served.team, "--email", EMAIL, "--role", "admin")
    server.provision("site", "--domain", OTHER_SITE, "--team", served.team)
    key = server.provision("key", "--email", "ann@shop.example", "--legacy", "--scope", "sites:provision:*")["api_key"]
    imports = f"/api/v1/sites/{served.domain}/events/import"
    server.post(imports, history(), {"Authorization": f"Bearer {key}"})
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(prepared(server.get("/api/schema", key), served.domain, served.team)))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    headers = {"Authorization": f"Bearer {key}", **session_headers(served)}
    made_up(document, server, headers)


@pytest.mark.slow
@pytest.mark.process
def test_made_up_requests_of_plugins_are_answered_as_documented(served: Served, tmp_path: Path) -> None:
    token = served.server.provision("plugins-token", "--site", served.domain)["token"]
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(served.server.get("/api/plugins/spec/openapi", token)))
    made_up(document, served.server, {"Authorization": "Basic " + base64.b64encode(f":{token}".encode()).decode()})
    made_up(document, served.server, {"Authorization": f"Bearer {token}"})


def made_up(document: Path, server: ServerProcess, headers: Mapping[str, str]) -> None:
    """Make requests up from a document beside whose file the configuration lies, and hold each answer against it."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", server.url, "--no-color"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
            *("--generation-deterministic", "--max-examples", str(CASES_PER_OPERATION)),
            *(word for name, value in headers.items() for word in ("-H", f"{name}: {value}")),
        ],
        cwd=document.parent,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("schema_fuzz_hooks.py"))},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + failures_in(server.directory / "server.log")
