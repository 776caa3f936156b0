"""Steps that turn an id of an event into the one that a destination sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


STEPS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "md5": _md5,
    "sha1": _sha1,
    "sha256": _sha256,
}
"""Each step's function. Hashes are lower-case hex of the text's UTF-8."""


def transformed(text: str, steps: Iterable[str]) -> str | None:
    """An id after some steps; None where it is empty, before or after any of them.

    The hash of nothing would be one id for all events that have none.

    Args:
        text: the id in the event, without lone surrogates.
        steps: names of STEPS, in their order.
    """
    for step in steps:
        if not text:
            return None
        text = STEPS[step](text)
    return text or None
