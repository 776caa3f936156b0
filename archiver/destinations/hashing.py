"""SHA-256 of personal data, as ad destinations take it: lower-case hex of the UTF-8 text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

_SHA256_HEX = re.compile(r"[0-9A-Fa-f]{64}")


class _Hash(Protocol):
    def hexdigest(self) -> str: ...


def _sha256() -> Callable[[bytes], _Hash]:
    """SHA-256 of something as short as an id.

    Python 3.11 has one of its own, for where OpenSSL is missing. It hashes an id in four fifths of
    the time, since OpenSSL's takes longer to be set up than to hash so little.
    """
    try:
        return import_module("_sha256").sha256  # type: ignore[no-any-return]
    except ImportError:
        return hashlib.sha256


sha256 = _sha256()


def sha256_hex(text: str) -> str:
    """Hash one text; the caller has already normalised it. A lone surrogate counts as U+FFFD."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    return sha256(data).hexdigest()


def is_sha256_hex(text: str) -> bool:
    """Whether a text is 64 hex digits, of either case, and so taken for hashed already."""
    return len(text) == 64 and _SHA256_HEX.fullmatch(text) is not None
