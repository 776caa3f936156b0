"""SHA-256 of personal data, as ad destinations take it: lower-case hex of the UTF-8 text."""

from __future__ import annotations

import re
from hashlib import sha256

_SHA256_HEX = re.compile(r"[0-9A-Fa-f]{64}")


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
