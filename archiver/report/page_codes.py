"""What the codes of destinations' replies mean, in a few words for people.

Codes are those of receipts: the body's code as text, else the HTTP status, else `no_reply`. The
outcome is judged elsewhere (`archiver/destinations/*_replies.py`, whose tables name the sources and
how sure each is); here stands only what to call it. A code that is not here is shown as it is.

| codes | confidence |
|---|---|
| HTTP statuses | high |
| TikTok 20001, 40001, 40002, 40100 | high |
| TikTok 40101, 40105, 40106, 40131, 40133, 50000, 50002, ranges | low |
| Meta 1, 2, 4, 10, 17, 32, 100, 102, 190, 200 to 299, 341, 368, 613, 803, 80000 to 80099 | high |
| Meta 100 with a subcode | medium |
| Google Ads row errors | high |

Sources: those of the modules of replies; developers.facebook.com, Graph API, handling errors and
rate limits.
"""

from __future__ import annotations

from collections.abc import Mapping

_TOO_MANY = "too many requests in too short a time"
_TOKEN = "the access token is wrong or expired"
_ANY: Mapping[str, str] = {
    "400": "the request was refused as wrong",
    "401": "the access token is missing, wrong or expired",
    "403": "the access token may not do this",
    "404": "the address, or the account in it, does not exist",
    "408": "the destination gave up waiting for the request",
    "413": "the request was too large",
    "422": "the request was refused as wrong",
    "429": _TOO_MANY,
    "500": "an error inside the destination's servers",
    "502": "no good answer from behind the destination's gateway",
    "503": "the destination was not available",
    "504": "the destination's gateway waited in vain",
    "no_reply": "no reply came, as after a time-out",
    "unverified": "taken with 2xx; the API gives no verdict",
    "handed_to_hub": "the hub took it; what became of it is not known",
}
_TIKTOK: Mapping[str, str] = {
    "20001": "taken in part, without saying which",
    "40001": "no permission, or a wrong or expired access token",
    "40002": "a field of the event, or of the request, is not valid",
    "40100": _TOO_MANY,
    "40101": "the day's quota is used up",
    "40105": _TOKEN,
    "40106": "the access token does not cover this",
    "40131": "the access token is missing",
    "40133": "the advertiser gave no permission",
}
_TIKTOK_RANGES = (
    ("401", "quota, access token, scope or advertiser"),
    ("2", "taken in part, without saying which"),
    ("4", "refused, without a documented reason"),
    ("5", "an error inside TikTok's servers"),
    ("6", "TikTok's servers failed, or were in maintenance"),
)
_META: Mapping[str, str] = {
    "1": "an unknown error inside Meta's servers",
    "2": "Meta was not available",
    "3": "no permission",
    "4": _TOO_MANY,
    "10": "no permission",
    "17": _TOO_MANY,
    "32": _TOO_MANY,
    "100": "a field of the event, or of the request, is not valid",
    "100/33": "the pixel does not exist, or there is no permission for it",
    "100/2804003": "the event is too old",
    "100/2804009": "a purchase without amount or currency",
    "102": "the session has ended",
    "190": _TOKEN,
    "341": "a limit of the application was reached",
    "368": "blocked for a while by Meta's policies",
    "613": _TOO_MANY,
    "803": "the id does not exist",
    "5000": "an unknown error inside Meta's servers",
    "21009": "an error inside Meta's servers",
}
_GOOGLE: Mapping[str, str] = {
    "EXPIRED_EVENT": "the click is too old",
    "CLICK_NOT_FOUND": "no such click",
    "UNPARSEABLE_GCLID": "the click id cannot be read",
    "CONVERSION_PRECEDES_EVENT": "the conversion lies before its click",
    "TOO_RECENT_EVENT": "the click is too recent: it is taken later",
    "TOO_RECENT_CONVERSION_ACTION": "the conversion action is too new: it is taken later",
    "DUPLICATE_ORDER_ID": "the same order twice in one request",
    "DUPLICATE_CLICK_CONVERSION_IN_REQUEST": "the same click and time twice in one request",
    "UNAUTHORIZED_CUSTOMER": "no permission for this account",
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": "the account has not accepted the data terms",
    "CUSTOM_VARIABLE_NOT_ENABLED": "a custom variable is not enabled in the account",
    "NO_CONVERSION_ACTION_FOUND": "the conversion action does not exist",
    "RESOURCE_EXHAUSTED": "the quota is used up",
    "RESOURCE_TEMPORARILY_EXHAUSTED": _TOO_MANY,
    "UNAUTHENTICATED": "the access token is missing, wrong or expired",
    "PERMISSION_DENIED": "no permission",
    "UNAVAILABLE": "the destination was not available",
    "INTERNAL": "an error inside Google's servers",
    "INTERNAL_ERROR": "an error inside Google's servers",
    "DEADLINE_EXCEEDED": "Google gave the request up",
}


def meaning(type_name: str, code: str) -> str | None:
    """What a code means at destinations of a type; None where that is not known.

    Args:
        type_name: the destination's type, as `tiktok-events`.
        code: as receipts have it; with a subcode that is not known it means what it does alone.
    """
    return _of_type(type_name, code) or _ANY.get(code)


def _of_type(type_name: str, code: str) -> str | None:
    match type_name:
        case "tiktok-events":
            return _tiktok(code)
        case "meta-capi":
            return _meta(code)
        case "google-ads":
            return _GOOGLE.get(code)
    return None


def _tiktok(code: str) -> str | None:
    if code in _TIKTOK or not (len(code) == 5 and code.isascii() and code.isdigit()):
        return _TIKTOK.get(code)
    return next((text for start, text in _TIKTOK_RANGES if code.startswith(start)), None)


def _meta(code: str) -> str | None:
    alone = code.partition("/")[0]
    if code in _META or not (alone.isascii() and alone.isdigit() and len(alone) <= 5):
        return _META.get(code)
    if 200 <= int(alone) <= 299:
        return "no permission"
    return _TOO_MANY if 80000 <= int(alone) <= 80099 else _META.get(alone)
