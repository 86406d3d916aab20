"""Filters of lists: parameters that narrow them, checked like any other; what no filter knows is ignored."""

from typing import Any, TypeVar

from django.db.models import QuerySet
from django_filters import FilterSet

from accounts.api.parameters import Parameters
from analytics_project.errors import InvalidFields

Records = TypeVar("Records", bound="QuerySet[Any, Any]")


def filtered(filters: type[FilterSet], parameters: Parameters, records: Records) -> Records:
    """Return those records that the parameters ask for. Raises: InvalidFields."""
    chosen = filters(parameters, queryset=records)
    if not chosen.is_valid():
        raise InvalidFields(chosen.errors)
    found: Records = chosen.qs
    return found
