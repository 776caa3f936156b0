"""By which codes destinations say: too many requests.

Codes are those of receipts: the body's code as text, else the HTTP status.

| type | codes | confidence |
|---|---|---|
| any | 429 | high |
| tiktok-events | 40100 | high |
| tiktok-events | 40101, the day's quota | low |
| meta-capi | 4, 17, 32, 613, 80000 to 80014 | high |
| google-ads | RESOURCE_EXHAUSTED, RESOURCE_TEMPORARILY_EXHAUSTED | high |
| snap-capi, ga4 | none but 429 | none |

Sources: those of the modules of replies; developers.facebook.com, Graph API, rate limits.
"""

from __future__ import annotations

from collections.abc import Mapping

_ANY = frozenset({"429"})
_OF_TYPE: Mapping[str, frozenset[str]] = {
    "tiktok-events": frozenset({"40100", "40101"}),
    "meta-capi": frozenset({"4", "17", "32", "613", *map(str, range(80000, 80015))}),
    "google-ads": frozenset({"RESOURCE_EXHAUSTED", "RESOURCE_TEMPORARILY_EXHAUSTED"}),
}


def throttling_codes(type_name: str) -> frozenset[str]:
    """The codes, without subcode, that mean throttling at destinations of a type."""
    return _ANY | _OF_TYPE.get(type_name, frozenset())
