"""What gate 4 costs a request: microseconds of the check itself, in memory and, with REDIS_URL, in Redis.

Run from the repository: `python tests/benchmarks/rate_limit.py [ROUNDS]`. Touches no database.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analytics_project.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402

from accounts.api.throttles import TeamAndUserLimits, request_counters  # noqa: E402
from accounts.types import Actor, TeamQuota  # noqa: E402

SUBJECTS = 1_000
PAUSE_S = 0.005  # as requests come, since what a loop keeps warm a server does not


def microseconds_a_check(rounds: int, *, is_legacy: bool) -> float:
    """Return the mean over checks that go round a thousand teams, or users and teams."""
    limits, request = TeamAndUserLimits(), Request(APIRequestFactory().get("/"))
    callers = [
        (Actor(number, number, None if is_legacy else number, ()), TeamQuota(number, 1_000_000))
        for number in range(SUBJECTS)
    ]
    spent = 0.0
    for number in range(rounds):
        actor, quota = callers[number % SUBJECTS]
        time.sleep(PAUSE_S)
        start = time.perf_counter()
        limits.count(request, actor, lambda quota=quota: quota)  # type: ignore[misc]
        spent += time.perf_counter() - start
    return spent / rounds * 1e6


def measure(where: str, rounds: int) -> None:
    """Print the four figures of one kind of counters."""
    request_counters.cache_clear()
    for burst in (0, 1_000_000):
        settings.API_BURST_REQUESTS = burst
        for is_legacy in (False, True):
            kind = "legacy key, site named" if is_legacy else "key of a team"
            cost = microseconds_a_check(rounds, is_legacy=is_legacy)
            sys.stdout.write(f"{where}, {kind}, burst {'on' if burst else 'off'}: {cost:.1f} us a check\n")


if __name__ == "__main__":
    how_many = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    redis_url, settings.REDIS_URL = settings.REDIS_URL, ""
    measure("memory", how_many)
    if redis_url:
        settings.REDIS_URL = redis_url
        measure("Redis", how_many)
