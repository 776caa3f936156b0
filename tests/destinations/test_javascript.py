"""Numbers, white space and URLs as JavaScript sees them; each pair was taken from Node 20."""

from decimal import Decimal

import pytest

from archiver.destinations.javascript import (
    is_blank,
    number_text,
    text_number,
    url_parameter,
    without_whitespace,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (7, "7"),
        (-0, "0"),
        (9007199254740993, "9007199254740992"),
        (123456789012345678901, "123456789012345680000"),
        (10**21, "1e+21"),
        (12 * 10**21, "1.2e+22"),
        (10**400, "Infinity"),
        (Decimal("-0.0"), "0"),
        (Decimal("1.10"), "1.1"),
        (Decimal("1E+2"), "100"),
        (Decimal("123.456"), "123.456"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("0.0000001"), "1e-7"),
        (Decimal("-1.5E-9"), "-1.5e-9"),
        (Decimal("-1E+400"), "-Infinity"),
    ],
)
def test_number_text(number: int | Decimal, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.50", Decimal("12.5")),
        (" 12\n", 12),
        ("+5", 5),
        (".5", Decimal("0.5")),
        ("5.", 5),
        ("010", 10),
        ("1e3", 1000),
        ("0x1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        (" \ufeff", 0),
        ("-0x1F", None),
        ("1,299.00", None),
        ("1_000", None),
        ("١٢", None),
        ("12abc", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e400", None),
        ("\x1c", None),
    ],
)
def test_text_number(text: str, number: object) -> None:
    assert text_number(text) == number


def test_white_space_is_ecmascripts() -> None:
    assert without_whitespace(" a\u00a0b\ufeffc\u2028") == "abc"
    assert without_whitespace("a\x1cb\x85c") == "a\x1cb\x85c"
    assert is_blank("") and is_blank("\ufeff\t\u3000")
    assert not is_blank("\x1c") and not is_blank(" a ")


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://a.example/?x=1&ttclid=first&ttclid=second", "first"),
        ("https://a.example/?ttclid", ""),
        ("https://a.example/?ttclid=a%20b+c%FF", "a b c\ufffd"),
        ("https://a.example/?%74tclid=coded", "coded"),
        ("https://a.example/?TTCLID=no", None),
        ("https://a.example/#?ttclid=no", None),
        ("https://a.example:8080/?ttclid=v#ttclid=no", "v"),
        ("  ht\ntps://a.example/?ttclid=v ", "v"),
        ("https:a.example?ttclid=v", "v"),
        ("https:\\\\a.example\\?ttclid=v", "v"),
        ("https://user:word@a.example/?ttclid=v", "v"),
        ("https://[::1]:80/?ttclid=v", "v"),
        ("https://1.2.3.4/?ttclid=v", "v"),
        ("android-app://com.shop/?ttclid=v", "v"),
        ("mailto:a?ttclid=v", "v"),
        ("file:///c/?ttclid=v", "v"),
        ("a.example/?ttclid=no", None),
        ("/path?ttclid=no", None),
        ("http://?ttclid=no", None),
        ("https://a b/?ttclid=no", None),
        ("https://a.example:99999/?ttclid=no", None),
        ("https://[::1/?ttclid=no", None),
        ("https://1.2.3.256/?ttclid=no", None),
        ("https://a.1/?ttclid=no", None),
        ("https://a%20b/?ttclid=no", None),
    ],
)
def test_url_parameter(url: str, value: str | None) -> None:
    assert url_parameter(url, "ttclid") == value
