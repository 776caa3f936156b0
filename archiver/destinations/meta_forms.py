"""Personal data in the form that Meta documents, hashed: the `strict` forms of its presets.

What is 64 hex digits already is taken for hashed, and sent in lower case. A text of which nothing
is left, or that cannot be brought into the form (a birthday without a day, an unknown country), is
not sent.

Source: developers.facebook.com, Conversions API, customer information parameters (high); for what
they leave open (external ids, dashes in zip codes), facebook-python-business-sdk, normalize.py
(medium).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from archiver.destinations.fields import Form
from archiver.destinations.hashing import is_sha256_hex, sha256_hex
from archiver.destinations.javascript import WHITESPACE, without_whitespace
from archiver.destinations.segment_meta_codes import COUNTRIES, STATES

_NOT_DIGIT = re.compile(r"[^0-9]+")
_BIRTHDAY = re.compile(
    r"((?:19|20)[0-9]{2})([-/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
_ZIP_PLUS_FOUR = re.compile(r"([0-9]{5})-[0-9]{4}")
_GENDERS = {"m": "m", "male": "m", "f": "f", "female": "f"}


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if unicodedata.category(c)[0] in "LM")


_COUNTRIES = {_letters(name): code for name, code in COUNTRIES.items()}


def _trimmed(text: str) -> str:
    return text.strip(WHITESPACE).lower()


def _phone(text: str) -> str:
    return _NOT_DIGIT.sub("", text).lstrip("0")


def _gender(text: str) -> str:
    return _GENDERS.get(_trimmed(text), "")


def _birthday(text: str) -> str:
    match = _BIRTHDAY.match(text.strip(WHITESPACE))
    return f"{match[1]}{match[3]}{match[4]}" if match else ""


def _name(text: str) -> str:
    return "".join(c for c in text.lower() if unicodedata.category(c)[0] in "LMN")


def _state(text: str) -> str:
    letters = _letters(text)
    return STATES.get(letters, letters)


def _zip(text: str) -> str:
    text = without_whitespace(text).lower()
    match = _ZIP_PLUS_FOUR.fullmatch(text)
    return match[1] if match else text.replace("-", "")


def _country(text: str) -> str:
    letters = _letters(text)
    code = _COUNTRIES.get(letters, letters)
    return code if len(code) == 2 else ""


def _hashed(normalise: Callable[[str], str]) -> Callable[[str], str | None]:
    def apply(text: str) -> str | None:
        whole = text.strip(WHITESPACE)
        if is_sha256_hex(whole):
            return whole.lower()
        normal = normalise(text)
        return sha256_hex(normal) if normal else None

    return apply


EMAIL = Form("trimmed, lower case, SHA-256", _hashed(_trimmed))
EXTERNAL_ID = Form("trimmed, lower case, SHA-256", _hashed(_trimmed))
PHONE = Form("digits without leading zeros, SHA-256", _hashed(_phone))
GENDER = Form("m or f, SHA-256", _hashed(_gender))
BIRTHDAY = Form("YYYYMMDD, SHA-256", _hashed(_birthday))
NAME = Form("lower case, letters and digits, SHA-256", _hashed(_name))
CITY = Form("lower case, letters, SHA-256", _hashed(_letters))
STATE = Form("lower case, letters, a US state's two, SHA-256", _hashed(_state))
ZIP = Form("lower case without white space and dashes, US: five digits, SHA-256", _hashed(_zip))
COUNTRY = Form("two letters, lower case, SHA-256", _hashed(_country))
