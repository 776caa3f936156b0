"""The forms of personal data in Segment's Snap mapping, and those of Snap's documentation.

Source: as in `segment_snap`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from archiver.destinations.fields import Form
from archiver.destinations.hashing import is_sha256_hex, sha256_hex
from archiver.destinations.javascript import WHITESPACE, is_blank, without_whitespace
from archiver.destinations.segment_snap_places import COUNTRY_CODES, STATE_CODES

_NOT_DIGIT = re.compile(r"[^0-9]+")
_NOT_DIGIT_OR_LEADING_ZEROS = re.compile(r"[^0-9]|\A0+")
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].*)?", re.DOTALL)


def _smart(clean: Callable[[str], str]) -> Callable[[str], str | None]:
    """Hash a text as Segment does: blank text stays empty, a hash as it is.

    None where nothing is left to hash, for which Segment refuses the event.
    """

    def hashed(text: str) -> str | None:
        if is_blank(text):
            return ""
        if is_sha256_hex(text):
            return text
        cleaned = clean(text)
        return None if is_blank(cleaned) else sha256_hex(cleaned)

    return hashed


def _strict(clean: Callable[[str], str]) -> Callable[[str], str | None]:
    """Likewise, but that a hash is sent in lower case, without white space around it."""
    smart = _smart(clean)

    def hashed(text: str) -> str | None:
        whole = text.strip(WHITESPACE)
        return whole.lower() if is_sha256_hex(whole) else smart(text)

    return hashed


def _lower(text: str) -> str:
    return without_whitespace(text).lower()


def _trimmed_lower(text: str) -> str:
    return text.strip(WHITESPACE).lower()


def _gender(text: str) -> str:
    lower = _lower(text)
    return {"male": "m", "female": "f"}.get(lower, lower)


def _state(text: str) -> str:
    lower = _lower(text)
    return STATE_CODES.get(lower, lower)


def _country(text: str) -> str:
    lower = _lower(text)
    return COUNTRY_CODES.get(lower, lower)


def phone_digits(text: str) -> str:
    """The digits that Segment hashes of a phone number; empty where it has none."""
    return _NOT_DIGIT_OR_LEADING_ZEROS.sub("", text)


def _international_phone(text: str) -> str:
    return _NOT_DIGIT.sub("", text).lstrip("0")


def _birthday(text: str) -> str:
    match = _DATE.fullmatch(text.strip(WHITESPACE))
    return "".join(match.groups()) if match else ""


EMAIL = Form("lower case without white space, SHA-256", _smart(_lower))
STRICT_EMAIL = Form("trimmed, lower case, SHA-256", _strict(_trimmed_lower))
PHONE = Form("its digits without leading zeros, SHA-256", _smart(phone_digits))
STRICT_PHONE = Form("its digits without leading zeros, SHA-256", _strict(_international_phone))
NAME = Form("lower case without white space, SHA-256", _smart(_lower))
GENDER = Form("m, f or as it is, SHA-256", _smart(_gender))
STATE = Form("two-letter code for a US state's name, SHA-256", _smart(_state))
COUNTRY = Form("two-letter code for a country's name, SHA-256", _smart(_country))
AS_IT_IS = Form("as it is, SHA-256", _smart(str))
BIRTHDAY = Form("YYYYMMDD, SHA-256", _strict(_birthday))
LOWER_CASE = Form("lower case", str.lower)
