"""Visitor salts by date: made by whoever needs one first, the same for every process, destroyed for good."""

from datetime import date

from stats.models import VisitorSalt


def salt_for(day: date) -> bytes:
    """Return the 16 bytes of a calendar date, making them when nobody did.

    When several processes make them at once, the unique constraint keeps the first, and all return that one.
    """
    record, _ = VisitorSalt.objects.get_or_create(date=day)
    return bytes(record.salt)


def destroy_salts_before(day: date) -> int:
    """Delete the salts of all earlier dates and return how many there were.

    The caller sees to it that those dates are over in every zone and that their last visits have closed.
    """
    deleted, _ = VisitorSalt.objects.filter(date__lt=day).delete()
    return deleted
