"""Visitor salts: one for a date, the same for everybody, gone when destroyed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from stats.models import VisitorSalt
from stats.selectors import destroy_salts_before, salt_for

TODAY = date(2026, 3, 10)


@pytest.mark.django_db
def test_salt_for_a_date_is_16_bytes_and_stays() -> None:
    salt = salt_for(TODAY)
    assert isinstance(salt, bytes)
    assert len(salt) == 16
    assert salt_for(TODAY) == salt
    assert salt_for(date(2026, 3, 11)) != salt


@pytest.mark.django_db
def test_salt_of_a_date_exists_once() -> None:
    salt_for(TODAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        VisitorSalt.objects.create(date=TODAY)


@pytest.mark.django_db
def test_destroyed_salts_are_gone_and_later_ones_stay() -> None:
    old, kept = salt_for(date(2026, 3, 9)), salt_for(TODAY)
    assert destroy_salts_before(TODAY) == 1
    assert destroy_salts_before(TODAY) == 0
    assert salt_for(TODAY) == kept
    assert salt_for(date(2026, 3, 9)) != old


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_salt_made_by_many_at_once_is_the_same_for_all() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the test database lives in one process's memory")
    start = Barrier(8)

    def ask() -> bytes:
        try:
            start.wait(timeout=10)
            return salt_for(TODAY)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = [answer.result() for answer in [threads.submit(ask) for _ in range(8)]]
    assert len(set(answers)) == 1
