"""A web server for test pages that also records what trackers send, and the browser that visits them.

The page's host names are mapped to this machine inside the browser, so that a page is not on localhost; the flag that
automation sets is hidden, since trackers stay silent under it.
"""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from stats.tracker.script import shared_script, site_script

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LAUNCH_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-blink-features=AutomationControlled",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]


@dataclass(frozen=True)
class Sent:
    """One event as it came over the wire: request target, content type, decoded body in the order of its keys."""

    target: str
    content_type: str
    body: dict[str, Any]


@dataclass
class PageHost:
    """Pages by path, and the events recorded at `/api/event`, in order of arrival; `answer` is what they are told.

    Two events that a page sends at once may arrive in either order.
    """

    port: int = 0
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    answer: tuple[int, str, bytes] = (202, "text/plain", b"ok")

    def url(self, path: str = "/", host: str = "shop.example") -> str:
        return f"http://{host}:{self.port}{path}"

    def serve(self, path: str, text: str | bytes, content_type: str = "text/html; charset=utf-8") -> None:
        self.pages[path] = (content_type, text.encode() if isinstance(text, str) else text)

    def serve_file(self, path: str, file: Path, content_type: str) -> None:
        self.serve(path, file.read_bytes(), content_type)

    def wait_for(self, count: int, within_s: float = 10) -> list[Sent]:
        """Return the recorded events once there are `count`. Raises: AssertionError when they do not come."""
        self._poll(lambda: len(self.sent) >= count, within_s)
        assert len(self.sent) == count, [event.body for event in self.sent]
        return self.sent

    def bodies(self, count: int) -> list[dict[str, Any]]:
        return [event.body for event in self.wait_for(count)]

    @staticmethod
    def _poll(ready: Callable[[], bool], within_s: float) -> None:
        end = time.monotonic() + within_s
        while not ready() and time.monotonic() < end:
            threading.Event().wait(0.01)


def _handler(host: PageHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            content_type, body = host.pages.get(urlsplit(self.path).path, ("text/html", b"<!doctype html>elsewhere"))
            self._reply(200, content_type, body)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if urlsplit(self.path).path == "/api/event":
                host.sent.append(Sent(self.path, self.headers.get("Content-Type", ""), json.loads(raw)))
                self._reply(*host.answer)
            else:
                self._reply(200, "text/html", b"<!doctype html>posted")

        def log_message(self, format: str, *values: object) -> None:
            """Keep the test output quiet."""

    return Handler


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that a closing browser drops."""


@contextmanager
def page_host() -> Iterator[PageHost]:
    """Serve pages on a free port of this machine."""
    host = PageHost()
    server = _QuietServer(("127.0.0.1", 0), _handler(host))
    host.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=LAUNCH_ARGUMENTS)
        yield browser
        browser.close()


STUB = """<script>
  window.plausible = window.plausible || function () { (plausible.q = plausible.q || []).push(arguments) };
  plausible.init = function (options) { plausible.o = options || {} };
</script>"""
_AS_THE_BROWSER: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}
_PAGES = Path(__file__).parent / "pages"
_SET_VISIBILITY = """(state) => {
  Object.defineProperty(document, "visibilityState", {configurable: true, get: () => state});
  Object.defineProperty(document, "hidden", {configurable: true, get: () => state == "hidden"});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def snippet(name: str = "script.js", *, origin: str = "", **attributes: str) -> str:
    """Return the element that loads a shared script; `data_api` stands for the attribute `data-api`."""
    given = {"data-domain": "shop.example", **{key.replace("_", "-"): text for key, text in attributes.items()}}
    pairs = " ".join(f'{key}="{text}"' for key, text in given.items())
    return f'<script src="{origin}/js/{name}" {pairs}></script>'


def site_snippet(options: str = "", *, site: str = "daily") -> str:
    """Return the snippet of a site's own script: the queueing stub, the script, `plausible.init(options)`.

    `site` is `daily` or `persistent`: whether the site allows persistent visitor ids.
    """
    return f'<script async src="/js/pa-{site}.js"></script>{STUB}<script>plausible.init({options})</script>'


@dataclass
class TrackedPage:
    """A tab on a page that carries a tracker; its clock stands still unless told."""

    page: Page
    host: PageHost
    issued: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def open(cls, browser: Browser, *, user_agent: str | None = None) -> Iterator["TrackedPage"]:
        """Open a tab with storage of its own, beside a fresh page host."""
        with page_host() as host:
            for site, persistent in (("daily", False), ("persistent", True)):
                script = site_script("shop.example", "/api/event", persistent)
                host.serve(f"/js/pa-{site}.js", script.plain, "application/javascript")
            context = browser.new_context(user_agent=user_agent)
            tracked = cls(context.new_page(), host)
            tracked.page.on("request", lambda request: tracked.issued.append(request.post_data or ""))
            tracked.set_clock(0)
            yield tracked
            context.close()

    def visit(
        self,
        tracker: str,
        *,
        path: str = "/teas?q=1",
        page: str = "shop.html",
        host: str = "shop.example",
        referrer: str = "",
    ) -> None:
        """Load one of the pages with a tracker's elements in its head."""
        for name in re.findall(r"/js/(?:script|plausible|analytics)[^\"]*?\.js", tracker):
            self.host.serve(name, shared_script().plain, "application/javascript")
        text = (_PAGES / page).read_text().replace("<!-- tracker -->", tracker)
        self.host.serve(re.split("[?#]", path)[0], text)
        self.page.goto(self.host.url(path, host), referer=referrer or None)

    def run(self, script: str) -> Any:
        """Return what a piece of JavaScript evaluates to, a promise awaited."""
        return self.page.evaluate(script)

    def answer_to(self, call: str) -> Any:
        """Send an event and return what its callback got."""
        return self.run(f"new Promise((resolve) => plausible({call!r}, {{callback: resolve}}))")

    def set_visibility(self, state: str) -> None:
        self.page.evaluate(_SET_VISIBILITY, state)

    def start_hidden(self) -> None:
        """Let the next page be hidden from its start on."""
        self.page.add_init_script(f"({_SET_VISIBILITY})('hidden')")

    def set_clock(self, seconds: float) -> None:
        """Set the page's clock to so many seconds after the start of the test."""
        self.page.clock.set_fixed_time(1_800_000_000 + seconds)

    def bodies(self, count: int) -> list[dict[str, Any]]:
        """Return the events so far, in the order in which the page sent them, once there are `count`."""
        received = self.host.bodies(count)
        self.run("0")  # lets what the browser reported of its requests come in
        order: dict[int, dict[str, Any]] = {}
        for body in received:
            text = json.dumps(body, **_AS_THE_BROWSER)
            order[next(at for at, sent in enumerate(self.issued) if sent == text and at not in order)] = body
        return [order[at] for at in sorted(order)]

    def names(self, count: int) -> list[str]:
        return [body["n"] for body in self.bodies(count)]

    def expect_nothing_after(self, count: int) -> None:
        """Check that `count` events were sent and no more: the next one to arrive is a marker."""
        self.bodies(count)
        self.answer_to("marker")
        assert self.bodies(count + 1)[count]["n"] == "marker"
