"""`GET /js/…`: the tracker script under all its names, outside REST framework, from bytes kept in memory."""

import re
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.selectors import intake_record
from stats.selectors import tracker_named
from stats.tracker.script import Script, is_shared_name, public_id_in, script_id_in, shared_script, site_script
from stats.types import TrackerSwitches

_SHARED_CACHING: Final = "public, max-age=86400, must-revalidate"
_SITE_CACHING: Final = "public, max-age=60, no-transform"
_ACCEPTS_GZIP: Final = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:\s*,|\s*$))", re.IGNORECASE)


@csrf_exempt  # so that another method is told 405, not 403
@require_safe
def tracker_script(request: HttpRequest, file_name: str) -> HttpResponse:
    """Answer with the script of that name; 404 `Not found` for a name or a site that does not exist."""
    if is_shared_name(file_name):
        return _answer(request, shared_script(), _SHARED_CACHING)
    script_id = script_id_in(file_name)
    switches = None if script_id is None else tracker_named(script_id)
    public_id = public_id_in(file_name) if switches is None else switches.public_id
    record = None if public_id is None else intake_record(public_id)
    if record is None:
        return HttpResponse("Not found", status=404, content_type="text/plain; charset=utf-8")
    script = site_script(record.site.domain, _endpoint(request), record.persistent_visitors, _switched_on(switches))
    return _answer(request, script, _SITE_CACHING)


def _switched_on(switches: TrackerSwitches | None) -> tuple[str, ...]:
    """Return the script's options that a configuration switches on; its other switches need nothing of the script."""
    if switches is None:
        return ()
    options = {
        "hashBasedRouting": switches.hash_based_routing,
        "outboundLinks": switches.outbound_links,
        "fileDownloads": switches.file_downloads,
        "formSubmissions": switches.form_submissions,
    }
    return tuple(name for name, is_on in options.items() if is_on)


def _endpoint(request: HttpRequest) -> str:
    """Return the event endpoint on the host that was asked.

    Without a scheme unless the request is known to be secure: a page then uses its own, which is right behind a proxy
    that ends TLS and does not say so.
    """
    return f"{'https:' if request.is_secure() else ''}//{request.get_host()}/api/event"


def _answer(request: HttpRequest, script: Script, caching: str) -> HttpResponse:
    zipped = _ACCEPTS_GZIP.search(request.headers.get("Accept-Encoding", "")) is not None
    etag = script.gzipped_etag if zipped else script.plain_etag
    known = parse_etags(request.headers.get("If-None-Match", ""))
    response: HttpResponse
    if "*" in known or etag in (tag.removeprefix("W/") for tag in known):
        response = HttpResponseNotModified()
    else:
        content = script.gzipped if zipped else script.plain
        response = HttpResponse(content, content_type="application/javascript")
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    patch_vary_headers(response, ("Accept-Encoding",))
    return response
