"""An operator's day in the admin, in a real browser on a real server: team, site, key, data, plan, second factor."""

import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_otp.oath import totp
from playwright.sync_api import Page

from tests.e2e.page_host import CHROMIUM, chromium
from tests.e2e.server import ServerProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH"),
]
EMAIL, PASSWORD = "root@shop.example", "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server with somebody who may do everything in its admin."""
    process = ServerProcess(tmp_path, {"DJANGO_SUPERUSER_PASSWORD": PASSWORD})
    process.command("migrate", "--verbosity", "0")
    process.command("createsuperuser", "--noinput", "--email", EMAIL)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def page(server: ServerProcess) -> Iterator[Page]:
    with chromium() as browser:
        tab = browser.new_page(base_url=server.url)
        tab.set_default_timeout(10_000)
        yield tab


def log_in(page: Page, code: str = "") -> None:
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Log in").click()


def choose(page: Page, field: str, text: str) -> None:
    """Pick the first match in a field that searches while one types."""
    page.locator(f"#{field} + .select2").click()
    page.locator(".select2-search__field").fill(text)
    page.locator(".select2-results__option", has_text=text).first.click()


def save(page: Page) -> str:
    """Save the form and return what the next page says about it."""
    page.locator("input[name=_save]").click()
    return page.locator(".messagelist").inner_text()


def send_pageview(server: ServerProcess, domain: str) -> None:
    body = json.dumps({"n": "pageview", "u": f"https://{domain}/", "d": domain}).encode()
    headers = {"User-Agent": FIREFOX, "Content-Type": "text/plain"}
    request = urllib.request.Request(f"{server.url}/api/event", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 202


def test_operator_sets_up_a_team_sees_data_revokes_a_key_and_adds_a_second_factor(
    page: Page, server: ServerProcess
) -> None:
    log_in(page)
    assert page.locator("#health").inner_text().count("✓") == 6

    page.goto("/admin/accounts/team/add/")
    page.locator("#id_name").fill("Acme")
    choose(page, "id_memberships-0-user", EMAIL)
    page.locator("#id_memberships-0-role").select_option("owner")
    assert "was added successfully" in save(page)

    page.get_by_role("link", name="Acme").first.click()
    page.get_by_role("link", name="Add a site").click()
    page.locator("#id_domain").fill("shop.example")
    assert "was added successfully" in save(page)
    send_pageview(server, "shop.example")
    page.locator("#searchbar").fill("shop")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="shop.example", exact=True).click()
    assert page.locator(".field-today").inner_text().endswith("1 events, 1 visitors")

    page.goto("/admin/accounts/team/")
    page.locator("input.action-select").check()
    page.locator("select[name=action]").select_option("change_plan")
    page.locator("select[name=plan]").select_option(label="business")
    page.get_by_role("button", name="Go").click()
    assert "On the plan business" in page.locator(".messagelist").inner_text()

    page.get_by_role("link", name="Acme").first.click()
    page.get_by_role("link", name="Issue a key").click()
    choose(page, "id_user", EMAIL)
    page.locator("#id_name").fill("report")
    (key,) = set(re.findall(r"ff_[\w-]{61}", save(page)))
    server.minted.append(key)
    assert server.get("/api/v1/stats/realtime/visitors?site_id=shop.example", key) == 1
    page.get_by_role("link", name="report").first.click()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Yes, go on").click()
    assert page.locator(".field-state").inner_text() == "revoked"
    assert key not in page.content()

    page.get_by_role("link", name="Second factor").click()
    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.locator("#id_code").fill(f"{totp(base64.b32decode(secret)):06d}")
    page.get_by_role("button", name="Turn it on").click()
    code = page.locator("#recovery-codes code").first.inner_text()
    page.get_by_role("button", name="Log out").click()
    log_in(page)
    assert "asks for a code" in page.locator(".errornote").inner_text()
    log_in(page, code)
    assert page.get_by_role("heading", name="Administration").is_visible()
