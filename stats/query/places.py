"""Names of countries and regions by their ISO 3166 codes, from the registry package that carries them."""

from functools import lru_cache

import pycountry

Pairs = tuple[tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=1)
def country_names() -> Pairs:
    """Return two lists of equal length: two-letter codes and names, the everyday name where there is one."""
    countries = sorted(pycountry.countries, key=lambda country: country.alpha_2)
    return (
        tuple(country.alpha_2 for country in countries),
        tuple(getattr(country, "common_name", country.name) for country in countries),
    )


@lru_cache(maxsize=1)
def region_names() -> Pairs:
    """Return two lists of equal length: codes like `US-MD` and names."""
    regions = sorted(pycountry.subdivisions, key=lambda region: region.code)
    return tuple(region.code for region in regions), tuple(region.name for region in regions)
