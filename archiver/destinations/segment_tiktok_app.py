"""The `segment` preset for TikTok app events: the `data[]` items of Segment's TikTok App Events.

Besides what its siblings do (see `segment_tiktok_fields`):

* empty lists of ids are left out; so are a price of 0 and empty texts of a product;
* the advertising id is `idfa` on iOS (lower case) and `gaid` on Android, hashed; the device's id is
  `idfv` on iOS, plain; on anything else neither is sent;
* `att_status` is derived: NOT_APPLICABLE but for iOS from 14.0.0, else what the device says of
  tracking, else NOT_DETERMINED;
* the app's id is the `namespace` of `context.app`, also where that is empty text.

What Segment refuses for a field that it requires is unsendable: no app id (any event); no currency,
or no value that is a number in JSON (AddToCart, AddToWishlist, Checkout, Purchase, ViewContent); no
contents, or contents without a product id (all of these, but ViewContent does without contents). A
name that is not among TikTok's app events is built nevertheless, and noted.

Source: segmentio/action-destinations 3.497, tiktok-app-events; checked by running it.
"""

from __future__ import annotations

from typing import Any

from archiver.destinations.fields import Field, sources
from archiver.destinations.javascript import WHITESPACE, text_number
from archiver.destinations.paths import Fixed
from archiver.destinations.requests import UnsendableEvent
from archiver.destinations.segment_fields import (
    boolean_field,
    nested_text,
    number_field,
    text_field,
    text_list,
)
from archiver.destinations.segment_tiktok import Table
from archiver.destinations.segment_tiktok_fields import (
    CONTEXT,
    LIMITED,
    UPPER_CASE,
    VALUE,
    filled_text,
    hashed,
    ids,
    property_field,
)

_CONTENTS = {
    "Purchase": "$.properties.products",
    "Checkout": "$.properties.products",
    "AddPaymentInfo": "$.properties.products",
    "ViewContent": "$.properties",
    "AddToCart": "$.properties",
    "AddToWishlist": "$.properties",
}
_WITH_VALUE = frozenset({"AddToCart", "AddToWishlist", "Checkout", "Purchase", "ViewContent"})
_WITH_CONTENTS = _WITH_VALUE - {"ViewContent"}
_STANDARD = frozenset({
    "AchieveLevel", "AddPaymentInfo", "AddToCart", "AddToWishlist", "Checkout", "CompleteTutorial",
    "CreateGroup", "CreateRole", "GenerateLead", "InAppADClick", "InAppADImpr", "InstallApp",
    "JoinGroup", "LaunchAPP", "LoanApplication", "LoanApproval", "LoanDisbursal", "Login",
    "Purchase", "Rate", "Registration", "Search", "SpendCredits", "StartTrial", "Subscribe",
    "UnlockAchievement", "ViewContent",
})  # fmt: skip

_AUTO = "AUTO"
_ATT_STATUSES = frozenset(
    {_AUTO, "AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE"}
)
_FIRST_WITH_ATT = (14, 0, 0)


def _att_status(value: Any, name: str, notes: list[str]) -> str | None:
    status = text_field(value, name, notes)
    if status is None or status in _ATT_STATUSES:
        return status
    notes.append(f"{name} left out: not one of TikTok's")
    return None


def _finish(event: Any, destination_event: str, notes: list[str]) -> None:
    user = event.user
    for name in ("external_id", "phone", "email"):
        if not getattr(user, name):
            setattr(user, name, None)
    _add_device(user, event.device)
    event.device = None
    _check(event, destination_event)
    event.properties.contents = [
        {name: value for name, value in content.items() if value or name == "quantity"}
        for content in event.properties.contents or ()
    ]
    if destination_event not in _STANDARD:
        notes.append("event is not among the names that Segment takes for app events")


def _add_device(user: Any, device: Any) -> None:
    system = (device.type or "").lower()
    is_ios = system == "ios"
    advertising_id = (device.advertising_id or "").strip(WHITESPACE)
    if is_ios and advertising_id:
        user.idfa = hashed(advertising_id.lower())
    if system == "android" and advertising_id:
        user.gaid = hashed(advertising_id)
    if is_ios:
        user.idfv = device.id
    if user.att_status == _AUTO:
        if not is_ios or _is_before_att(device.os_version or ""):
            user.att_status = "NOT_APPLICABLE"
        elif device.ad_tracking_enabled is not None:
            user.att_status = "AUTHORIZED" if device.ad_tracking_enabled else "DENIED"
        else:
            user.att_status = "NOT_DETERMINED"


def _is_before_att(version: str) -> bool:
    """Whether a version is one of iOS before 14.0.0; what cannot be read is not."""
    if not version:
        return False
    for part, first in zip(version.split("."), _FIRST_WITH_ATT, strict=False):
        number = text_number(part)
        if number is None or number > first:
            return False
        if number < first:
            return True
    return False


def _check(event: Any, name: str) -> None:
    """Refuse what Segment refuses: it was never on its way to TikTok."""
    properties = event.properties
    if event.app.app_id is None:
        raise UnsendableEvent("has no app id (context.app.namespace), which app events need")
    if name in _WITH_VALUE:
        for needed in ("currency", "value"):
            if getattr(properties, needed) is None:
                raise UnsendableEvent(f"has no {needed}, which {name} needs as an app event")
    if name in _WITH_CONTENTS and properties.contents is None:
        raise UnsendableEvent(f"has no products, which {name} needs as an app event")
    if name in _WITH_VALUE and not all(c.get("content_id") for c in properties.contents or ()):
        raise UnsendableEvent(
            f"has a product without product_id, which {name} needs as an app event"
        )


_FIELDS = (
    *ids(),
    Field(
        "device.advertising_id",
        sources("$.context.device.advertisingId"),
        filled_text,
        words="user.idfa on iOS, lower case, user.gaid on Android; trimmed, SHA-256",
    ),
    Field(
        "device.type",
        sources("$.context.device.type"),
        filled_text,
        words="not sent: says which of the ids it is",
    ),
    Field(
        "device.id",
        sources("$.context.device.id"),
        filled_text,
        words="user.idfv on iOS, plain; else not sent",
    ),
    Field(
        "device.os_version",
        sources("$.context.os.version"),
        filled_text,
        words="not sent: decides user.att_status",
    ),
    Field(
        "device.ad_tracking_enabled",
        sources("$.context.device.adTrackingEnabled"),
        boolean_field,
        words="not sent: decides user.att_status",
    ),
    Field("user.att_status", (Fixed(_AUTO),), _att_status, words="AUTO: derived from the device"),
    *CONTEXT,
    *VALUE,
    property_field("currency", text_field, UPPER_CASE),
    property_field("content_ids", text_list),
    property_field("num_items", number_field),
    property_field("search_string", text_field),
    Field("app.app_id", sources("$.context.app.namespace"), nested_text),
    Field("app.app_name", sources("$.context.app.name"), filled_text),
    Field("app.app_version", sources("$.context.app.version"), filled_text),
    Field("ad.campaign_id", sources("$.properties.campaign.name"), filled_text),
    Field("ad.ad_id", sources("$.properties.campaign.ad_group"), filled_text),
    Field("ad.creative_id", sources("$.properties.campaign.ad_creative"), filled_text),
    Field("ad.attribution_provider", sources("$.properties.provider"), filled_text),
    *LIMITED,
)

APP = Table(
    _FIELDS,
    _CONTENTS,
    {},
    _finish,
    kept=("user", "device", "properties", "app", "ad"),
    finished=("user.idfa", "user.gaid", "user.idfv"),
)
