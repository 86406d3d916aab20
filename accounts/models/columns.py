"""Columns that records of several subjects have."""

from collections.abc import Iterable

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


def choices_of(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of value and words, as forms offer them."""
    return [(str(value), str(value).replace("_", " ")) for value in values]


def retention_months(help_text: str) -> "models.PositiveSmallIntegerField[int | None, int | None]":
    """Return a column for 1 to 1,200 months; `help_text` says what none means."""
    return models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1200)], help_text=help_text
    )
