"""Windows aligned to the clock, exact counts under parallel requests, and a Redis that is there, shared, or gone."""

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
import time_machine
from django.conf import settings
from limits.errors import StorageError
from limits.storage import MemoryStorage
from redis import Redis

from accounts.request_counters import REDIS_PAUSE_S, MemoryCounts, RequestCounters, redis_counts, seconds_left

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
needs_redis = pytest.mark.skipif(not settings.REDIS_URL, reason="REDIS_URL is not set")


def test_window_begins_and_ends_with_the_clock() -> None:
    counters, counts = RequestCounters(), []
    for seconds in (-1, 0, 3599, 3600):
        with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False):
            counts.append((counters.count("team 1", 3600), seconds_left(3600)))
    assert counts == [(1, 1), (1, 3600), (2, 1), (1, 3600)]


def test_subjects_and_windows_are_counted_apart() -> None:
    counters = RequestCounters()
    with time_machine.travel(NOON, tick=False):
        assert [counters.count(*what) for what in (("user 1", 60), ("user 2", 60), ("user 1", 10), ("user 1", 60))] == [
            1,
            1,
            1,
            2,
        ]


def test_memory_forgets_windows_that_have_ended() -> None:
    counts = MemoryCounts()
    for seconds in (0, 30, 90):
        with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False):
            ends_at = int(NOON.timestamp()) + seconds + 20
            assert [counts.incr(f"user {number}/{seconds}", ends_at) for number in (1, 2, 1)] == [1, 1, 2]
    assert len(counts) == 2


def count_in_parallel(counters: list[RequestCounters], requests: int) -> list[int]:
    subject = f"team {secrets.token_hex(4)}"
    with time_machine.travel(NOON, tick=False), ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(lambda number: counters[number % len(counters)].count(subject, 3600), range(requests)))


def test_requests_at_the_same_moment_each_get_a_number_of_their_own() -> None:
    assert count_in_parallel([RequestCounters()], 2_000) == list(range(1, 2_001))


class GoneRedis(MemoryStorage):
    """Counts, unless it is gone."""

    is_gone = True
    asked = 0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        self.asked += 1
        if self.is_gone:
            raise StorageError(ConnectionError("redis://:hunter2@redis is gone"))
        return super().incr(key, expiry, amount)


def test_process_counts_for_itself_while_redis_is_gone_and_asks_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = GoneRedis()
    counters = RequestCounters(redis)
    now = 1_000.0
    monkeypatch.setattr("accounts.request_counters.monotonic_seconds", lambda: now)
    with time_machine.travel(NOON, tick=False), caplog.at_level(logging.WARNING):
        assert [counters.count("team 1", 3600) for _ in range(3)] == [1, 2, 3]
        assert redis.asked == 1
        redis.is_gone = False
        now += REDIS_PAUSE_S
        assert [counters.count("team 1", 3600) for _ in range(2)] == [1, 2]
    assert redis.asked == 3
    assert len(caplog.records) == 1
    assert "ConnectionError" in caplog.text
    assert "hunter2" not in caplog.text


def test_address_at_which_no_redis_listens_is_no_error() -> None:
    counters = RequestCounters(redis_counts("redis://:hunter2@127.0.0.1:1/0", "secret"))
    assert [counters.count("team 1", 3600) for _ in range(2)] == [1, 2]


@needs_redis
def test_redis_counts_for_all_processes_together_and_for_each_installation_apart() -> None:
    secret = secrets.token_hex()
    stores = [redis_counts(settings.REDIS_URL, one) for one in (secret, secret, secrets.token_hex())]
    one, other, stranger = (RequestCounters(store) for store in stores)
    assert count_in_parallel([one, other], 400) == list(range(1, 401))
    with time_machine.travel(NOON, tick=False):
        assert [counters.count("user 1", 3600) for counters in (one, other, stranger)] == [1, 2, 1]
    for store in stores:
        cast(Redis, store.get_connection()).connection_pool.disconnect()
