"""Somebody who logs in on two devices: what brought the first is credited with what is paid on the second."""

import threading
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Response

from analytics_project import clock
from tests.e2e.conftest import Served
from tests.e2e.page_host import CHROMIUM, STUB, TrackedPage, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH"),
]
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
KEEP_IDS = "from accounts.models import Site; s = Site.objects.get(); s.visitor_ids = 'persistent'; s.save(); print({})"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def next_second() -> None:
    now = clock.unix_seconds()
    while clock.unix_seconds() == now:
        threading.Event().wait(0.02)


def log_in(browser: Browser, head: str, path: str, referrer: str = "") -> str:
    """Open a page in a profile of its own, say that its visitor is u42, and return the visitor's id."""
    with TrackedPage.open(browser, user_agent=USER_AGENT) as tab:
        answered: list[Response] = []
        tab.page.on("response", lambda answer: answered.append(answer) if "/api/event" in answer.url else None)
        tab.visit(head, path=path, referrer=referrer)
        visitor = str(tab.run("new Promise((done) => plausible('Look', {callback: () => done(plausible.visitor())}))"))
        tab.run("plausible.identify('u42')")
        while len(answered) < 3:
            tab.page.wait_for_event("response")
        assert [answer.status for answer in answered] == [202] * 3
    return visitor


def told_by_server(served: Served, user: str) -> None:
    """Visit a page without a persistent id, and let the site's server say who the visitor is."""
    view = {"n": "pageview", "u": "https://shop.example/coffees?utm_source=podcast", "d": served.domain}
    browser = {"User-Agent": FIREFOX, "X-Forwarded-For": "203.0.113.9"}
    visitor = served.server.post("/api/event?return=visitor", view, browser)["visitor_id"]
    path = f"/api/v1/visitors/{visitor}/identify?site_id={served.domain}"
    answer = served.server.post(path, {"user_id": user}, {"Authorization": f"Bearer {served.key}"})
    assert answer["results"] == {"identified": True, "visitor_id": visitor}


def earned(served: Served, **asked: str) -> dict[Any, float]:
    query = urlencode({"site_id": served.domain, "model": "first_touch", **asked})
    answer = served.server.get(f"/api/v1/revenue/breakdown?{query}", served.key)
    return {row[answer["meta"]["dimension"]]: row["revenue"] for row in answer["results"]}


def pay(served: Served, visitor: str, transaction: str) -> None:
    body = {"transaction_id": transaction, "visitor_id": visitor, "amount": 49.9, "currency": "USD"}
    answer = served.server.post(
        f"/api/v1/payments?site_id={served.domain}", body, {"Authorization": f"Bearer {served.key}"}
    )
    assert answer["results"]["created"] is True


def test_purchase_on_the_second_device_is_credited_to_what_brought_the_first(served: Served) -> None:
    public_id = served.server.command("shell", "-v", "0", "-c", KEEP_IDS.format("s.public_id")).strip()
    origin = f"http://count.example:{served.server.port}"
    source = f"{origin}/js/pa-{public_id.removeprefix('ds_')}.js"
    start = "plausible.init({persistentVisitor: true})"
    head = f'<script async src="{source}"></script>{STUB}<script>{start}</script>'
    with chromium() as browser:
        phone = log_in(browser, head, "/teas?utm_source=newsletter", "https://www.google.com/")
        next_second()  # what visits are told apart by
        laptop = log_in(browser, head, "/checkout")
    told_by_server(served, "u43")
    served.server.kill()  # the moment after the answers
    served.server.start()

    assert phone != laptop
    pay(served, laptop, "txn_1")
    pay(served, "u42", "txn_2")  # as a backend names its customer
    pay(served, "u43", "txn_3")
    pay(served, "u44", "txn_4")
    assert earned(served) == {"newsletter": 99.8, "podcast": 49.9, None: 49.9}
    pages = {"/checkout": 99.8, "/coffees": 49.9, None: 49.9}
    assert earned(served, dimension="landing_page", model="last_touch") == pages
