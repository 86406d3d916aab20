"""What customers have paid since their first payment, over the Goals & Revenue API (revenue contract, 3.4)."""

from dataclasses import replace
from datetime import date
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project import clock
from analytics_project.documentation import documented
from goals.api.goals import earlier
from goals.api.requests import Parameters, enveloped, meta_of
from goals.api.windows import Window, window_of
from revenue.api.attribution_filters import DIMENSIONS, OF_TOUCHES, touch_rules_in
from revenue.api.documentation.cohorts import COHORTS
from revenue.api.present_cohorts import cohort_rows
from revenue.api.revenue import RevenueReportView
from revenue.cohort_services import cohorts
from revenue.reports import Report, left_out_warning
from stats.query.dates import add_months
from stats.query.money.cohorts import MOST_PERIODS

BY_MONTH: Final = "month"
DEFAULT_PERIODS: Final = 12
_FIRST_DAY: Final = date(1970, 1, 1)


class CohortsView(RevenueReportView):
    """`GET /api/v1/revenue/cohorts`."""

    def window_in(self, asked: Parameters) -> Window:
        """Return the window asked for, by default from eleven months before the month of its end."""
        window = asked.window()
        if asked.text("start") is not None:
            return window
        month = add_months(window.end.astimezone(window.zone).date(), -11)
        start = max(month, _FIRST_DAY).isoformat()
        return replace(window, start=window_of(start, asked.text("end"), window.timezone, clock.now()).start)

    @documented(COHORTS)
    def get(self, request: Request) -> Response:
        """Answer what customers who first paid in the window have paid up to now, by cohort."""
        asked, window, include, report = self.asked(request)
        by = asked.one_of("by", BY_MONTH, (BY_MONTH, *OF_TOUCHES))
        rules, limit, offset = touch_rules_in(asked), asked.limit, asked.offset
        periods = asked.whole_number("periods", DEFAULT_PERIODS, 0, MOST_PERIODS)
        dimension = None if by == BY_MONTH else DIMENSIONS[by]
        page = {"limit": limit, "offset": offset}
        found = cohorts(report, window.stored(), dimension, rules, periods, **page)
        meta: dict[str, Any] = {
            **meta_of(request, window),
            "timezone": window.timezone,
            "currency": report.site.currency,
            "by": by,
            "model": rules.model.value,
            "lookback_days": rules.lookback_days,
            "periods": periods,
            "total": found.total,
            **page,
        }
        if "meta" in include:
            meta["unique_visitors"] = report.unique_visitors
        body = enveloped(cohort_rows(report, found), meta)
        if warning := left_out_warning(found.left_out, report.site.currency):
            body["warning"] = warning
        if "previous" in include:
            before = earlier(window)
            previous = Report(report.site, before.start, before.end, before.timezone)
            body["previous"] = cohort_rows(
                previous, cohorts(previous, before.stored(), dimension, rules, periods, **page)
            )
        return Response(body)
