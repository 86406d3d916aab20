"""From a real browser to the numbers of the API: the same visit told by each tracker that a site may carry.

The npm packages are looked for in the folder that the variable TRACKER_PACKAGES names (a `node_modules` with
`@plausible-analytics/tracker` and `plausible-tracker`); without it their tests are skipped.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.e2e.page_host import CHROMIUM, STUB, TrackedPage, chromium
from tests.e2e.server import ServerProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH"),
]
PACKAGES = os.environ.get("TRACKER_PACKAGES")
needs_packages = pytest.mark.skipif(not PACKAGES, reason="TRACKER_PACKAGES names no folder with the npm packages")
# The user agent of a headless browser says so and is dropped as a bot.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
TRACKER_NAMES = ("shared-script", "site-script", "npm-tracker", "npm-plausible-tracker")
TRACKERS = [pytest.param(name, marks=needs_packages if name.startswith("npm") else ()) for name in TRACKER_NAMES]
NAMES = (*TRACKER_NAMES, "goals")
PROVISION = """
import io, json
from django.core.management import call_command

def provision(*words):
    out = io.StringIO()
    call_command("provision", *words, "--json", stdout=out)
    return json.loads(out.getvalue())

call_command("migrate", verbosity=0)
person = ("--email", "ann@shop.example")
provision("user", *person)
team = ("--team", str(provision("team", "--name", "Shop", "--owner", person[1])["team_id"]))
print(json.dumps({
    "sites": {name: provision("site", "--domain", f"{name}.example", *team) for name in NAMES},
    "key": provision("key", *person, *team)["api_key"],
}))
"""
READ_ROWS = """
import json
from accounts.models import Site
from stats.services import event_store
print(json.dumps(event_store().read_rows(
    "SELECT name, pathname, scroll_depth, engagement_time, toString(revenue_source_amount) AS amount,"
    " revenue_source_currency AS currency FROM events WHERE site_id = {site:UInt32} ORDER BY pathname, timestamp, name",
    {"site": Site.objects.get(domain="shared-script.example").pk}, tag="test")))
"""


@dataclass
class Counting:
    """A running server with one site for each tracker, and a key that reads them all."""

    server: ServerProcess
    key: str
    sites: dict[str, dict[str, Any]]

    @property
    def origin(self) -> str:
        return f"http://count.example:{self.server.port}"

    def query(self, site: str, **body: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a v2 query over the last day, dimensions first, in alphabetic order."""
        whole = {"site_id": self.sites[site]["domain"], "date_range": "24h", **body}
        answer = self.server.post("/api/v2/query", whole, {"Authorization": f"Bearer {self.key}"})
        return sorted((*row["dimensions"], *row["metrics"]) for row in answer["results"])

    def aggregate(self, site: str, metrics: str) -> dict[str, Any]:
        """Return the values of a v1 aggregate over yesterday and today."""
        today = datetime.now(UTC).date()
        days = f"{today - timedelta(days=1)},{today}"
        path = (
            f"/api/v1/stats/aggregate?site_id={self.sites[site]['domain']}&period=custom&date={days}&metrics={metrics}"
        )
        return {name: cell["value"] for name, cell in self.server.get(path, self.key)["results"].items()}


@contextmanager
def counting_server(directory: Path) -> Iterator[Counting]:
    """Provision everything in one process, since each start of a command takes seconds, and serve it."""
    server = ServerProcess(directory)
    provisioned = json.loads(server.command("shell", "-v", "0", "-c", PROVISION.replace("NAMES", repr(NAMES))))
    try:
        server.start()
        yield Counting(server, provisioned["key"], provisioned["sites"])
    finally:
        server.stop()


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counting]:
    with counting_server(tmp_path_factory.mktemp("counting")) as serving:
        yield serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Browser) -> Iterator[TrackedPage]:
    with TrackedPage.open(browser, user_agent=USER_AGENT) as opened:
        yield opened


def head_of(tracker: str, origin: str, site: Mapping[str, Any]) -> str:
    """Return what a page's head holds to carry a tracker; each ends with `track` on the window."""
    domain = site["domain"]
    if tracker == "shared-script":
        source = f"{origin}/js/script.outbound-links.file-downloads.js"
        return f'<script src="{source}" data-domain="{domain}"></script><script>window.track = plausible</script>'
    if tracker == "site-script":
        source = f"{origin}/js/pa-{site['public_id'].removeprefix('ds_')}.js"
        start = "plausible.init({outboundLinks: true}); window.track = (...call) => plausible(...call)"
        return f'<script async src="{source}"></script>{STUB}<script>{start}</script>'
    if tracker == "npm-tracker":
        return f"""<script type="module">
            import {{ init, track }} from "/packages/@plausible-analytics/tracker/plausible.js";
            init({{ domain: "{domain}", endpoint: "{origin}/api/event", outboundLinks: true }});
            window.track = track;
        </script>"""
    return f"""<script type="module">
        import Plausible from "/packages/plausible-tracker/build/module/index.js";
        const tracker = Plausible({{ domain: "{domain}", apiHost: "{origin}" }});
        tracker.enableAutoPageviews();
        tracker.enableAutoOutboundTracking();
        window.track = tracker.trackEvent;
    </script>"""


def serve_packages(tab: TrackedPage) -> None:
    """Serve the modules of the npm packages under `/packages/`, also without their ending, as bundlers take them."""
    for folder in ("@plausible-analytics/tracker", "plausible-tracker/build/module"):
        for file in (Path(PACKAGES or "") / folder).rglob("*.js"):
            path = f"/packages/{file.relative_to(PACKAGES or '')}"
            for served in (path, path.removesuffix(".js")):
                tab.host.serve(served, file.read_bytes(), "text/javascript")


class Answers:
    """The answers that the event endpoint gave to a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.statuses: list[int] = []
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if "/api/event" in response.url:
            self.statuses.append(response.status)

    def expect(self, count: int) -> None:
        """Wait until there were `count` answers, and check that each is a 202."""
        while len(self.statuses) < count:
            self._page.wait_for_event("response")
        assert self.statuses == [202] * count


def browse(tab: TrackedPage, head: str, *, pings: bool) -> None:
    """Make the visit that is counted: two pages, a look around, a link that leads out, a purchase.

    `pings` tells whether the tracker reports engagement: 5 s and half of the first page, 4 s and the first window of
    the second. The host that the link leads to answers 204, which keeps a tracker that navigates by itself on the page.
    """
    answers = Answers(tab.page)
    tab.page.route("https://grower.example/**", lambda route: route.fulfill(status=204))
    tab.visit(head, path="/teas?utm_source=newsletter", referrer="https://www.google.com/")
    answers.expect(1)
    tab.run("new Promise((done) => { onscroll = done; scrollTo(0, 780) })")
    tab.page.click("#outside")
    answers.expect(2)
    tab.run("void track('Purchase', {props: {tea: 'Assam', cups: 3}, revenue: {currency: 'EUR', amount: 12.5}})")
    answers.expect(3)
    tab.set_clock(5)
    tab.run("history.pushState(0, '', '/assam')")
    answers.expect(5 if pings else 4)
    tab.set_clock(9)
    tab.set_visibility("hidden")
    answers.expect(6 if pings else 4)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_visit_in_a_browser_becomes_the_same_numbers(tab: TrackedPage, counting: Counting, tracker: str) -> None:
    if tracker.startswith("npm"):
        serve_packages(tab)
    pings = tracker != "npm-plausible-tracker"  # that package knows neither engagement nor revenue

    browse(tab, head_of(tracker, counting.origin, counting.sites[tracker]), pings=pings)

    assert counting.aggregate(tracker, "visitors,visits,pageviews,events,views_per_visit,bounce_rate") == {
        "visitors": 1,
        "visits": 1,
        "pageviews": 2,
        "events": 4,
        "views_per_visit": 2,
        "bounce_rate": 0,
    }
    assert counting.query(tracker, metrics=["visitors", "pageviews"], dimensions=["event:page"]) == [
        ("/assam", 1, 1),
        ("/teas", 1, 1),
    ]
    names = counting.query(tracker, metrics=["events"], dimensions=["event:name"])
    assert [row for row in names if row[0] != "engagement"] == [
        ("Outbound Link: Click", 1),
        ("Purchase", 1),
        ("pageview", 2),
    ]
    for key, value in (("tea", "Assam"), ("cups", "3"), ("url", "https://grower.example/assam?lot=7#map")):
        assert counting.query(tracker, metrics=["events"], filters=[["is", f"event:props:{key}", [value]]]) == [(1,)]
    dimensions = ["visit:source", "visit:referrer", "visit:entry_page", "visit:exit_page", "visit:browser"]
    assert counting.query(tracker, metrics=["visits"], dimensions=dimensions) == [
        ("newsletter", "google.com", "/teas", "/assam", "Chrome", 1)
    ]
    engaged = counting.query(tracker, metrics=["visitors"], filters=[["is", "event:name", ["engagement"]]])
    assert engaged == [(1 if pings else 0,)]


def test_visitor_in_the_browser_is_the_one_in_the_answer(tab: TrackedPage, counting: Counting) -> None:
    tab.visit(head_of("shared-script", counting.origin, counting.sites["shared-script"]))

    visitor = tab.run("plausible.visitor()")
    answer = tab.run("new Promise((callback) => plausible('Order', {callback}))")
    assert re.fullmatch("v_[0-9a-f]{16}", visitor)
    assert answer == {"status": 202, "visitor_id": visitor}


def test_goal_of_a_browser_and_goal_of_its_server_stand_in_one_list(tab: TrackedPage, counting: Counting) -> None:
    site = counting.sites["goals"]
    counting.server.post(
        f"/api/v1/goals?site_id={site['public_id']}",
        {"name": "Order", "visitor_id": "nobody", "timestamp": "2026-01-01"},
        {"Authorization": f"Bearer {counting.key}"},
    )
    head = head_of("shared-script", counting.origin, {"domain": "goals.example"})
    tab.visit(head, path="/teas", referrer="https://www.google.com/")
    answer = tab.run("new Promise((callback) => plausible('Order', {callback}))")
    visitor = tab.run("plausible.visitor()")

    made = counting.server.post(
        f"/api/v1/goals?site_id={site['public_id']}",
        {"name": "Order", "visitor_id": visitor, "metadata": {"cups": 3}},
        {"Authorization": f"Bearer {counting.key}"},
    )
    listed = counting.server.get("/api/v1/goals/Order/completions?site_id=goals.example", counting.key)

    assert (answer["visitor_id"], made["results"]) == (visitor, {"created": True, "goal_name": "Order"})
    same = {name: listed["results"][0][name] for name in ("visitor_id", "source", "browser", "os", "device_type")}
    assert same == {
        "visitor_id": visitor,
        "source": "google.com",
        "browser": "Chrome",
        "os": "GNU/Linux",
        "device_type": "desktop",
    }
    assert [{name: row[name] for name in same} for row in listed["results"]] == [same, same]
    assert counting.query("goals", metrics=["visitors", "visits", "events"]) == [(1, 1, 3)]
    (goal,) = counting.server.get("/api/v1/goals?site_id=goals.example", counting.key)["results"]
    assert list(goal.values()) == ["Order", 1, 2, 1.0]


def test_engagement_and_revenue_reach_the_store(tab: TrackedPage, tmp_path: Path) -> None:
    """The store is read once the server has stopped, since one process at a time may hold the embedded one."""
    with counting_server(tmp_path) as counting:
        browse(tab, head_of("shared-script", counting.origin, counting.sites["shared-script"]), pings=True)
        assert counting.query("shared-script", metrics=["visits"]) == [(1,)]
    rows = json.loads(counting.server.command("shell", "-v", "0", "-c", READ_ROWS))

    told = [(row["name"], row["pathname"], row["amount"], row["currency"]) for row in rows]
    assert sorted(told, key=lambda row: row[:2]) == [
        ("Outbound Link: Click", "/teas", None, ""),
        ("Purchase", "/teas", "12.5", "EUR"),
        ("engagement", "/assam", None, ""),
        ("engagement", "/teas", None, ""),
        ("pageview", "/assam", None, ""),
        ("pageview", "/teas", None, ""),
    ]
    pings = [row for row in rows if row["name"] == "engagement"]
    assert [(row["pathname"], row["scroll_depth"], row["engagement_time"]) for row in pings] == [
        ("/assam", 24, 4000),
        ("/teas", 50, 5000),
    ]
