"""Gate 4 of the key contract: how many requests a key, its team or its user may make (section 7).

`BearerAuthentication` counts every request of a known key, right after it knows the key, by the `limits` of the view.
A view that says nothing has `TeamAndUserLimits`, so none can forget them. REST framework's own throttles run too late
for this: after the permissions, and only for views that name them.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, Protocol

from django.conf import settings
from rest_framework.request import Request

from accounts.request_counters import RequestCounters, redis_counts, seconds_left
from accounts.types import Actor, LinkActor, TeamQuota
from analytics_project.errors import RateLimited

HOUR_S: Final = 3600
MINUTE_S: Final = 60
_PERIODS: Final = {HOUR_S: "hour", MINUTE_S: "minute"}


@cache
def request_counters() -> RequestCounters:
    """Return this process's counters: in Redis where REDIS_URL names one."""
    return RequestCounters(redis_counts(settings.REDIS_URL, settings.SECRET_KEY) if settings.REDIS_URL else None)


class RequestLimits(Protocol):
    def count(self, request: Request, actor: Actor | LinkActor, team: Callable[[], TeamQuota | None]) -> None:
        """Count a request of a known key. Raises: RateLimited.

        `team` finds the quota of the key's team or, for a legacy key, of the team that owns the site named.
        """


class TeamAndUserLimits:
    """Hourly limits of teams and users, and a short one against bursts on the same counters, asked afterwards.

    A key of a team counts on its team, and so does a shared link. A legacy key counts on its user and, when the request
    names a site, on the team that owns it. The user's own limit is asked first, so that a stranger who knows a domain
    cannot use up more of a team's quota than the stranger's own.
    """

    def count(self, request: Request, actor: Actor | LinkActor, team: Callable[[], TeamQuota | None]) -> None:
        """Count a request on everything it counts on. Raises: RateLimited, by the first limit that is exceeded."""
        subjects = []
        for subject, hourly in _subjects(actor, team):
            _count(subject, hourly, HOUR_S)
            subjects.append(subject)
        if settings.API_BURST_REQUESTS:
            for subject in subjects:
                _count(subject, settings.API_BURST_REQUESTS, settings.API_BURST_SECONDS)


def _subjects(actor: Actor | LinkActor, find_team: Callable[[], TeamQuota | None]) -> Iterable[tuple[str, int]]:
    """Yield on whom a request counts, with the limit for an hour; the team is looked for after the user has counted."""
    if isinstance(actor, Actor) and actor.team_id is None:
        yield f"user {actor.user_id}", settings.API_USER_HOURLY_LIMIT
    team = find_team()
    if team is not None:
        yield f"team {team.team_id}", team.hourly_limit


def _count(subject: str, limit: int, window_s: int) -> None:
    if request_counters().count(subject, window_s) > limit:
        raise over_limit(limit, window_s, subject.partition(" ")[0])


def over_limit(limit: int, window_s: int, whose: str) -> RateLimited:
    """Return the 429 that names the limit in force, its period, and when to come again."""
    wait_s = seconds_left(window_s)
    noun = "request" if limit == 1 else "requests"
    period = _PERIODS.get(window_s, f"{window_s} seconds")
    text = f"Rate limit exceeded: {limit} {noun} per {period} for this {whose}. Retry in {wait_s} seconds."
    return RateLimited(text, retry_after_s=wait_s)
