"""The parts of JavaScript that decide what a published Segment mapping sends.

Segment's mappings run on JavaScript: numbers are doubles, white space is ECMAScript's, URLs are
parsed as browsers do. A backfilled event must equal its lost twin, so these rules are kept here.

Source: ECMA-262 (Number::toString, StringToNumber, WhiteSpace); WHATWG URL.
"""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from urllib.parse import unquote_to_bytes

WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)

_WHITESPACE_RUN = re.compile(f"[{WHITESPACE}]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_EXACT_INTEGERS_BELOW = 2**53
_INFINITY = float("inf")
SURELY_FINITE_EXPONENT = 300
"""A Decimal whose first digit stands below this power of ten is finite as a double too."""
_POSITIONAL_DIGITS = 21
_LEAST_POSITIONAL = -6

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):([^?#]*)(?:\?([^#]*))?", re.DOTALL)
_URL_TRIMMED = "".join(map(chr, range(0x21)))
_URL_DROPPED = str.maketrans("", "", "\t\n\r")
_HIDES_NAME = re.compile(r"[%\t\n\r]")  # Escapes, and characters that are dropped.
_COMMON_AUTHORITY = re.compile(r"//(?:[A-Za-z0-9-]+\.)*[A-Za-z-]+(?:/|\Z)")
_SPECIAL_SCHEMES = frozenset({"http", "https", "ws", "wss", "ftp"})
_FORBIDDEN_IN_HOST = re.compile(r"[\x00\t\n\r #/:<>?@\[\\\]^|]")
_FORBIDDEN_IN_DOMAIN = re.compile(r"[\x00-\x20\x7f #%/:<>?@\[\\\]^|]")
_NUMBER_LABEL = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
_MAX_PORT = 65535


def without_whitespace(text: str) -> str:
    r"""Remove all white space, as `replace(/\s/g, '')` does."""
    return text if text.isalnum() else _WHITESPACE_RUN.sub("", text)


def is_blank(text: str) -> bool:
    """Whether nothing is left of a text after `trim()`."""
    return not text or (text[0] in WHITESPACE and not text.strip(WHITESPACE))


def number_text(number: int | Decimal) -> str:
    """The text of a JSON number once JavaScript has read it: a double's shortest digits.

    `1.10` becomes `1.1`, `1e2` `100`, 9007199254740993 `9007199254740992`, `1e21` `1e+21`.
    """
    if isinstance(number, int) and -_EXACT_INTEGERS_BELOW < number < _EXACT_INTEGERS_BELOW:
        return str(number)
    double = _double(number)
    if abs(double) == _INFINITY:
        return "Infinity" if double > 0 else "-Infinity"
    if double == 0:
        return "0"
    sign = "-" if double < 0 else ""
    _, digit_tuple, exponent = Decimal(repr(abs(double))).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    if len(digits) <= point <= _POSITIONAL_DIGITS:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    if 0 < point <= _POSITIONAL_DIGITS:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _LEAST_POSITIONAL < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def text_number(text: str) -> int | Decimal | None:
    """The number that `+text` gives, with every digit kept; None for NaN and infinities.

    White space around it is ignored, white space alone is 0; hex, octal and binary count.
    """
    text = text.strip(WHITESPACE)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        try:
            number = Decimal(text)
        except ArithmeticError:  # An exponent beyond what Decimal can hold.
            return None
        return number if is_finite(number) else None
    if _RADIX.fullmatch(text):
        integer = int(text, 0)
        return integer if is_finite(integer) else None
    return None


def is_finite(number: int | Decimal) -> bool:
    """Whether a number is one as a double too, and not an infinity, which JSON cannot say."""
    if isinstance(number, Decimal):
        if number.adjusted() < SURELY_FINITE_EXPONENT:
            return True
    elif -_EXACT_INTEGERS_BELOW < number < _EXACT_INTEGERS_BELOW:
        return True
    return abs(_double(number)) != _INFINITY


def url_parameter(url: str, name: str) -> str | None:
    """The first value of a query parameter, as `new URL(url).searchParams.get(name)` gives it.

    Returns:
        The decoded value, possibly empty; None where the parameter is absent or the URL is not
        one (relative, no host, bad port). Names that only IDNA refuses count as hosts here.
    """
    if "?" not in url or (name not in url and _HIDES_NAME.search(url) is None):
        return None
    match = _URL.match(url.strip(_URL_TRIMMED).translate(_URL_DROPPED))
    if match is None or match[3] is None:
        return None
    for pair in match[3].split("&"):
        key, _, value = pair.partition("=")
        if pair and _form_decoded(key) == name:
            return _form_decoded(value) if _is_absolute(match[1].lower(), match[2]) else None
    return None


def _double(number: int | Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return _INFINITY if number > 0 else -_INFINITY


def _form_decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _is_absolute(scheme: str, rest: str) -> bool:
    if scheme in _SPECIAL_SCHEMES and _COMMON_AUTHORITY.match(rest):
        return True
    if scheme in _SPECIAL_SCHEMES:
        authority = re.split(r"[/\\]", rest.lstrip("/\\"), maxsplit=1)[0]
    elif scheme != "file" and rest.startswith("//"):
        authority = rest[2:].partition("/")[0]
        if not authority:
            return True
    else:
        return True
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return False
        try:
            ipaddress.IPv6Address(address)
        except ValueError:
            return False
        return _is_port(port[1:])
    host, _, port = host.partition(":")
    if not host or not _is_port(port):
        return False
    if scheme not in _SPECIAL_SCHEMES:
        return _FORBIDDEN_IN_HOST.search(host) is None
    domain = unquote_to_bytes(host).decode("utf-8", "replace")
    return _FORBIDDEN_IN_DOMAIN.search(domain) is None and _is_no_bad_ipv4(domain)


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and int(text) <= _MAX_PORT)


def _is_no_bad_ipv4(domain: str) -> bool:
    """A host whose last label is a number must be an IPv4 address."""
    labels = domain.split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    if _NUMBER_LABEL.fullmatch(labels[-1]) is None:
        return True
    if len(labels) > 4 or not all(_NUMBER_LABEL.fullmatch(label) for label in labels):
        return False
    try:
        numbers = [_label_number(label) for label in labels]
    except ValueError:  # An octal with an 8 in it.
        return False
    return all(n < 256 for n in numbers[:-1]) and numbers[-1] < 256 ** (5 - len(numbers))


def _label_number(label: str) -> int:
    if label[:2] in ("0x", "0X"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") and len(label) > 1 else 10)
