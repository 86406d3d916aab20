"""Revenue over the Goals & Revenue API: E4 and E5 of the revenue contract, the overview and recurring revenue (3.4)."""

from typing import Any, ClassVar, Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.types import Feature
from analytics_project.documentation import documented
from goals.api.goals import earlier
from goals.api.requests import INCLUDES, GoalsRevenueView, Parameters, enveloped, meta_of
from goals.api.windows import Window
from revenue.api.documentation.revenue import MRR, OVERVIEW, REVENUE, TIMESERIES
from revenue.api.present_revenue import balance_rows, overview_of, series_rows, summary_of
from revenue.reports import Report
from stats.query.money.types import Bucket

SPLIT: Final = "split"
_BALANCE_BUCKETS: Final = (Bucket.DAY, Bucket.WEEK, Bucket.MONTH)


class RevenueReportView(GoalsRevenueView):
    """A read of a site's money in a window."""

    features: ClassVar = (Feature.REVENUE_GOALS,)
    includes: ClassVar[tuple[str, ...]] = INCLUDES

    def window_in(self, asked: Parameters) -> Window:
        """Return the window asked for. Raises: InvalidRequest."""
        return asked.window()

    def asked(self, request: Request) -> tuple[Parameters, Window, frozenset[str], Report]:
        """Return what is asked for. Raises: as 1.2 says."""
        site = self.site(request)
        asked = Parameters(request)
        window, include = self.window_in(asked), asked.include(self.includes)
        return asked, window, include, Report(site, window.start, window.end, window.timezone)


def _body(results: object, meta: dict[str, object], include: frozenset[str], report: Report) -> dict[str, Any]:
    """Return the envelope, with what was left out and, where it is wanted, more about the window (1.1, 1.12)."""
    if "meta" in include:
        meta |= {
            "timezone": report.timezone,
            "currency": report.site.currency,
            "unique_visitors": report.unique_visitors,
            "total": len(results) if isinstance(results, list) else 1,
        }
    return warned(results, meta, report)


def warned(results: object, meta: dict[str, object], report: Report) -> dict[str, Any]:
    """Return the envelope, and what is left out of the money for want of a rate (1.10)."""
    body = enveloped(results, meta)
    return {**body, "warning": report.warning} if report.warning else body


def _before(report: Report, window: Window) -> Report:
    """Return the report of the window of equal length just before. Raises: InvalidRequest where there is none."""
    before = earlier(window)
    return Report(report.site, before.start, before.end, before.timezone)


class RevenueView(RevenueReportView):
    """`GET /api/v1/revenue`."""

    @documented(REVENUE)
    def get(self, request: Request) -> Response:
        """Answer net revenue, MRR at the window's end, and the share of visitors who paid."""
        _, window, include, report = self.asked(request)
        meta = {**meta_of(request, window), "timezone": window.timezone}
        body = _body(summary_of(report), meta, include, report)
        if "previous" in include:
            body["previous"] = summary_of(_before(report, window))
        return Response(body)


class TimeseriesView(RevenueReportView):
    """`GET /api/v1/revenue/timeseries`."""

    includes: ClassVar = (*INCLUDES, SPLIT)

    @documented(TIMESERIES)
    def get(self, request: Request) -> Response:
        """Answer what came in and was given back in every bucket of the window."""
        asked, window, include, report = self.asked(request)
        bucket = Bucket(asked.one_of("granularity", Bucket.DAY, tuple(Bucket)))
        split = SPLIT in include
        meta = {**meta_of(request, window), "granularity": bucket.value}
        body = _body(series_rows(report, bucket, split=split), meta, include, report)
        if "previous" in include:
            body["previous"] = series_rows(_before(report, window), bucket, split=split)
        return Response(body)


class OverviewView(RevenueReportView):
    """`GET /api/v1/revenue/overview`."""

    @documented(OVERVIEW)
    def get(self, request: Request) -> Response:
        """Answer the figures of a window, beside those of the one before where they are wanted."""
        _, window, include, report = self.asked(request)
        meta = {**meta_of(request, window), "timezone": window.timezone}
        body = _body(overview_of(report), meta, include, report)
        if "previous" in include:
            body["previous"] = overview_of(_before(report, window))
        return Response(body)


class MrrView(RevenueReportView):
    """`GET /api/v1/revenue/mrr`."""

    @documented(MRR)
    def get(self, request: Request) -> Response:
        """Answer recurring revenue at the end of each bucket and its five movements."""
        asked, window, include, report = self.asked(request)
        bucket = Bucket(asked.one_of("granularity", Bucket.DAY, tuple(one.value for one in _BALANCE_BUCKETS)))
        start, rows = balance_rows(report, bucket)
        meta = {**meta_of(request, window), "timezone": window.timezone, "granularity": bucket.value}
        body = _body(rows, {**meta, "start_mrr": start}, include, report)
        if "previous" in include:
            body["previous"] = balance_rows(_before(report, window), bucket)[1]
        return Response(body)
