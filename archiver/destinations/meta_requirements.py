"""What an event must hold lest Meta refuse it, and with it the whole request.

Only what is documented, with high confidence, as refused makes an event unsendable. A website event
without `client_user_agent` or `event_source_url` is not: both are called required, but what follows
is said to be that the event may not be used for optimisation, targeting or measurement, and Segment
sends events without either.

Source: developers.facebook.com, Conversions API: parameters, server event (Purchase), best
practices (combinations of customer information), app events (extinfo); code 100, subcodes 2804009
and 2804050; Segment's documentation of its destination, server event parameter requirements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archiver.destinations.requests import UnsendableEvent

WEBSITE = "website"
APP = "app"
ACTION_SOURCES = {
    "web": WEBSITE,
    "app": APP,
    "physical_store": "physical_store",
    "system_generated": "system_generated",
    "email": "email",
    "phone_call": "phone_call",
    "chat": "chat",
    "other": "other",
}
"""Meta's `action_source`, by event source. Business messages need a channel that no hub sends."""

# Parameters of which one combination, or a part of it, is too little to find a person.
_TOO_BROAD = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
_EXTINFO_VERSION, _EXTINFO_OS_VERSION = 0, 4


def check_sendable(event: Mapping[str, Any]) -> None:
    """Let an event in Meta's form pass, or not.

    Raises:
        UnsendableEvent: Meta would refuse it; the reason names fields, never values.
    """
    user_data = event["user_data"].keys()
    if any(user_data <= broad for broad in _TOO_BROAD):
        found = ", ".join(sorted(user_data)) or "nothing"
        raise UnsendableEvent(
            f"has too little user data for Meta to match it ({found}), which Meta refuses"
        )
    if event["event_name"] == "Purchase":
        custom_data = event.get("custom_data", {})
        missing = [name for name in ("value", "currency") if custom_data.get(name) is None]
        if missing:
            raise UnsendableEvent(
                f"is a Purchase without {' and '.join(missing)}, which Meta refuses; where it is "
                "elsewhere in the event, say so under map"
            )
    if event["action_source"] == APP and "app_data" in event:
        if "advertiser_tracking_enabled" not in event["app_data"]:
            raise UnsendableEvent(
                "is an app event that does not say whether tracking is allowed "
                "(advertiser_tracking_enabled), which Meta refuses"
            )
        extinfo = event["app_data"]["extinfo"]
        if not extinfo[_EXTINFO_VERSION] or not extinfo[_EXTINFO_OS_VERSION]:
            raise UnsendableEvent(
                "is an app event that does not say on which system and version it happened, which "
                "Meta refuses"
            )
