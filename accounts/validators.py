"""Rules for single values of sites, teams and keys: what is clean, what is refused, and in which words.

Functions `clean_*` return the text as it is stored; all raise Django's ValidationError. Sources: Sites API contract,
section 3 (domains), event contract 2.8 (shields), key contract, section 2 (scopes).
"""

import ipaddress
import unicodedata
import zoneinfo
from functools import lru_cache
from typing import Final

import iso4217
import pycountry
from django.core.exceptions import ValidationError

from accounts.keys import is_scope
from accounts.types import Feature, ShieldKind

MAX_DOMAIN_CHARACTERS: Final = 255
MAX_SHIELD_CHARACTERS: Final = 250
SHIELD_RULES_PER_KIND: Final = 30

_RESERVED: Final = frozenset(":?#[]@!$&'()*+,;=")
_PUNCTUATION: Final = frozenset("-./\\")
_CURRENCIES: Final = frozenset(currency.value for currency in iso4217.Currency if currency.exponent is not None)
_NOT_ZONES: Final = frozenset({"Factory", "localtime"})


def is_storable(text: str) -> bool:
    """Tell whether every relational store takes a text: no null character, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def clean_domain(text: str) -> str:
    """Return a site's domain as stored: lower case, without scheme, outer slashes and one leading `www.`."""
    domain = text.lower().strip().removeprefix("http://").removeprefix("https://").strip("/").removeprefix("www.")
    if not domain:
        raise ValidationError("can't be blank")
    if len(domain) > MAX_DOMAIN_CHARACTERS:
        raise ValidationError(f"should be at most {MAX_DOMAIN_CHARACTERS} characters")
    if reserved := sorted(_RESERVED.intersection(domain)):
        raise ValidationError(f"must not contain the URI reserved characters {' '.join(reserved)}")
    if not all(_may_be_in_domain(character) for character in domain):
        raise ValidationError("only letters, digits, slashes, dots and dashes are allowed")
    return domain


def _may_be_in_domain(character: str) -> bool:
    category = unicodedata.category(character)
    return character in _PUNCTUATION or category.startswith("L") or category == "Nd"


def validate_domain(text: str) -> None:
    """Refuse a text that does not clean to a domain."""
    clean_domain(text)


@lru_cache(maxsize=1)
def timezone_names() -> frozenset[str]:
    """Return every IANA zone name that this machine knows."""
    return frozenset(zoneinfo.available_timezones()) - _NOT_ZONES


def validate_timezone(text: str) -> None:
    """Refuse anything but the exact name of an IANA time zone."""
    if text not in timezone_names():
        raise ValidationError(f"{text!r} is not the name of an IANA time zone")


def validate_currency(text: str) -> None:
    """Refuse anything but a current ISO 4217 code, in upper case, of a currency that people pay in."""
    if text not in _CURRENCIES:
        raise ValidationError(f"{text!r} is not a current ISO 4217 currency code in upper case")


def validate_features(value: object) -> None:
    """Refuse anything but a list of feature names."""
    known = {feature.value for feature in Feature}
    if not isinstance(value, list) or not all(isinstance(name, str) and name in known for name in value):
        raise ValidationError(f"must be a list of names out of {', '.join(sorted(known))}")


def validate_scopes(value: object) -> None:
    """Refuse anything but a list of one or more scopes."""
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(scope, str) and is_scope(scope) for scope in value)
    ):
        raise ValidationError("must be a list of scopes such as stats:read:* or sites:provision:*")


def clean_shield_value(kind: str, text: str) -> str:
    """Return a shield's value as stored: canonical address, upper-case country, page or hostname pattern."""
    value = text.strip()
    match kind:
        case ShieldKind.IP:
            return _clean_address(value)
        case ShieldKind.COUNTRY:
            return _clean_country(value)
        case ShieldKind.PAGE:
            return _clean_page(value)
        case ShieldKind.HOSTNAME:
            return _clean_hostname(value)
        case _:
            raise ValidationError(f"{kind!r} is not one of {', '.join(ShieldKind)}")


def _clean_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValidationError(f"{value!r} is not an IPv4 or IPv6 address (ranges cannot be used)") from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _clean_country(value: str) -> str:
    code = value.upper()
    if len(code) != 2 or pycountry.countries.get(alpha_2=code) is None:
        raise ValidationError(f"{value!r} is not an ISO 3166 alpha-2 country code")
    return code


def _clean_page(value: str) -> str:
    if not value.startswith("/"):
        raise ValidationError("a page must start with /")
    return _within_limit(value)


def _clean_hostname(value: str) -> str:
    if not value:
        raise ValidationError("can't be blank")
    return _within_limit(value.lower())


def _within_limit(value: str) -> str:
    if len(value) > MAX_SHIELD_CHARACTERS:
        raise ValidationError(f"should be at most {MAX_SHIELD_CHARACTERS} characters")
    return value
