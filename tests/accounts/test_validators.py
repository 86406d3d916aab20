import pytest
from django.core.exceptions import ValidationError

from accounts import validators
from accounts.types import ShieldKind


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Shop.Example", "shop.example"),
        ("  shop.example \n", "shop.example"),
        ("http://shop.example/", "shop.example"),
        ("https://www.shop.example//", "shop.example"),
        ("http://https://shop.example", "shop.example"),
        ("www.www.shop.example", "www.shop.example"),
        ("Kaffee-KÜCHE.example", "kaffee-küche.example"),
        ("例え.example", "例え.example"),
        ("shop.example/blog/", "shop.example/blog"),
        ("localhost", "localhost"),
        ("a" * 255, "a" * 255),
    ],
)
def test_clean_domain_returns_the_stored_form(sent: str, stored: str) -> None:
    assert validators.clean_domain(sent) == stored


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("", "can't be blank"),
        (" https://www./ ", "can't be blank"),
        ("a_b.example", "only letters"),
        ("a b.example", "only letters"),
        ("a\0b.example", "only letters"),
        ("shop.example:8000", "reserved characters :"),
        ("shop_.example?x=1", "reserved characters = ?"),
        ("a" * 256, "at most 255"),
        ("ds_0123456789abcdef01234567", "only letters"),
    ],
)
def test_clean_domain_refuses_what_is_no_domain(sent: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validators.clean_domain(sent)
    assert message in refused.value.messages[0]


@pytest.mark.parametrize("zone", ["Etc/UTC", "Asia/Kathmandu", "America/Argentina/ComodRivadavia"])
def test_timezone_of_iana_passes(zone: str) -> None:
    validators.validate_timezone(zone)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "europe/berlin", "../etc/passwd", "Factory", "UTC+1", "\0"])
def test_timezone_of_nowhere_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError):
        validators.validate_timezone(zone)


@pytest.mark.parametrize("code", ["eur", "", "EURO", "XXX", "DEM", "ΕUR"])
def test_currency_that_is_not_current_is_refused(code: str) -> None:
    validators.validate_currency("EUR")
    with pytest.raises(ValidationError):
        validators.validate_currency(code)


@pytest.mark.parametrize(
    ("kind", "sent", "stored"),
    [
        (ShieldKind.IP, " 2001:DB8:0:0::1 ", "2001:db8::1"),
        (ShieldKind.IP, "::ffff:203.0.113.9", "203.0.113.9"),
        (ShieldKind.COUNTRY, "de", "DE"),
        (ShieldKind.PAGE, "/Blog/**", "/Blog/**"),
        (ShieldKind.PAGE, "/" + "a" * 249, "/" + "a" * 249),
        (ShieldKind.HOSTNAME, "*.Shop.example", "*.shop.example"),
    ],
)
def test_clean_shield_value_returns_the_stored_form(kind: ShieldKind, sent: str, stored: str) -> None:
    assert validators.clean_shield_value(kind, sent) == stored


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (ShieldKind.IP, "203.0.113.0/24"),
        (ShieldKind.IP, "203.0.113"),
        (ShieldKind.COUNTRY, "XX"),
        (ShieldKind.COUNTRY, "DEU"),
        (ShieldKind.PAGE, "blog"),
        (ShieldKind.PAGE, "/" + "a" * 250),
        (ShieldKind.HOSTNAME, ""),
        (ShieldKind.HOSTNAME, "a" * 251),
        ("colour", "red"),
    ],
)
def test_clean_shield_value_refuses_other_text(kind: str, sent: str) -> None:
    with pytest.raises(ValidationError):
        validators.clean_shield_value(kind, sent)


@pytest.mark.parametrize("value", [None, {}, [], "stats:read:*", [1], ["stats"], [["*"]]])
def test_scopes_that_are_no_list_of_scopes_are_refused(value: object) -> None:
    validators.validate_scopes(["stats:read:*"])
    with pytest.raises(ValidationError):
        validators.validate_scopes(value)


@pytest.mark.parametrize("value", [None, {}, "props", ["Props"], [["props"]]])
def test_features_that_are_no_list_of_names_are_refused(value: object) -> None:
    validators.validate_features([])
    with pytest.raises(ValidationError):
        validators.validate_features(value)
