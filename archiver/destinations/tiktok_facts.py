"""What is known of TikTok's Events API 2.0, and from where."""

from __future__ import annotations

from archiver.destinations.base import Fact

_TRANSFORMER = "rudderlabs/rudder-transformer tiktok_ads"
_ACTIONS = "segmentio/action-destinations 3.497"

FACTS = (
    Fact("endpoint", "one URL for one or many events of every source", "Segment, RudderStack",
         "high"),
    Fact("event_source_id", "pixel code (web), TikTok app id (app), offline event set id, CRM "
         "event set id", "Segment's settings; TikTok portal by way of pixellint", "high"),
    Fact("batch", "at most 1,000 events in a request", "RudderStack, TikTok portal", "high"),
    Fact("body size", "no limit found", "-", "none"),
    Fact("rate", "10 requests a second is a careful choice: the limit is 1,000 a second by one "
         "source, about 100 by others",
         "RudderStack's README; community notes", "low"),
    Fact("age (web, app)", "no limit found; older than the click window counts but attributes "
         "nothing", "two public projects say that TikTok documents none", "none"),
    Fact("age (offline)", "28 days", "Amperity's connector; TikTok help: about offline events",
         "medium"),
    Fact("age (crm)", "no limit found", "-", "none"),
    Fact("de-duplication", "same event and event_id within 48 hours of the first: first is kept",
         "TikTok help: event-deduplication", "high"),
    Fact("de-duplication (offline, crm)", "taken to be the same; not said of these in particular",
         "TikTok help: event-deduplication", "medium"),
    Fact("de-duplication clock", "whether the 48 hours run from arrival or from event_time", "-",
         "none"),
    Fact("renamed events", "CompletePayment is Purchase and SubmitForm is Lead since 2025-05-01; "
         "old names are taken and converted; whether both count as one for de-duplication is not "
         "known, so the name of the original is kept",
         "TikTok help: how-to-adopt-tiktoks-updated-standard-events", "high"),
    Fact("names (offline)", "PageView, ClickButton and PlaceAnOrder, which Segment sends, are not "
         "among the events of offline event sets",
         "TikTok help: supported-events-for-offline-event-sets", "high"),
    Fact("event_id", "must be a JSON string", "stape-io/tiktok-tag issue 10", "high"),
    Fact("replies", "HTTP 200 for business errors too; the body's code decides",
         "RudderStack, stape-io/tiktok-tag issue 10", "high"),
    Fact("one bad event", "code 40002, probably for the whole request",
         "RudderStack's fixtures", "medium"),
    Fact("identifiers (offline)", "e-mail, phone or external id is needed",
         f"{_ACTIONS} tiktok-offline-conversions", "high"),
    Fact("identifiers (crm)", "lead id, e-mail or phone is needed in a CSV, and so taken for the "
         "API; Segment marks the lead fields as required, but sends an event without any of them",
         f"TikTok help: how-to-postback-signals-through-csv; {_ACTIONS} tiktok-conversions",
         "medium"),
    Fact("required (app)", "app id; for some events value, currency and product ids, else "
         "Segment sends nothing", f"{_ACTIONS} tiktok-app-events", "high"),
    Fact("CSV (crm)", "first row Event_type, Timestamp, lead_id, Email, Phone, click_id; at most "
         "50 MB; one of lead id, e-mail and phone in each row, the last two hashed or not",
         "TikTok help: how-to-postback-signals-through-csv", "high"),
    Fact("CSV timestamp (crm)", "the format is not documented; ISO 8601 in UTC is a guess", "-",
         "none"),
    Fact("names (rudderstack)", "Order Completed is PlaceAnOrder, Checkout Step Completed is "
         "CompletePayment; names compare without case and surrounding white space; what the "
         "dashboard maps otherwise needs rules of its own", _TRANSFORMER, "high"),
    Fact("id (rudderstack)", "properties.eventId, properties.event_id, messageId, in that order",
         f"{_TRANSFORMER} TikTokTrackV2.json", "high"),
    Fact("fields (rudderstack)", "Events 2.0; names and address by its documentation, since the "
         "newest mapping file could not be read", _TRANSFORMER, "medium"),
    Fact("hashing (rudderstack)", "hashUserProperties is on by default and taken to be on; 64 hex "
         "digits pass unhashed, where the transformer would hash them again",
         f"{_TRANSFORMER} util.js, README.md", "high"),
    Fact("event source (rudderstack)", "properties.eventSource or event_source, else web; with "
         "such an event the pixel code stays; device ids of app events are not built",
         f"{_TRANSFORMER} util.js", "high"),
    Fact("offline (rudderstack)", "TikTok Ads Offline Events uses the legacy API (/offline/track/ "
         "and /offline/batch/ with 80 events), whose requests are not built",
         "rudderlabs/rudder-transformer tiktok_ads_offline_events", "high"),
    Fact("integrations", "at Segment TikTok Conversions (web, crm), TikTok Offline Conversions, "
         "TikTok App Events; at RudderStack TikTok Ads and TikTok Ads Offline Events; exactly so",
         f"{_ACTIONS}; rudderlabs/rudder-integrations-config db-config.json", "high"),
    Fact("field mapping (segment)", "as Segment's published default mapping, quirks included; an "
         "event name that no preset has is built with the defaults of the action's fields",
         _ACTIONS, "high"),
    Fact("differences (segment)", "a text such as Infinity in a number's place is left out, not "
         "sent as null; whole numbers from 2^53 on keep their digits; what Segment refuses for one "
         "field is sent without that field; docs/differences.md has all",
         f"{_ACTIONS}, compared with it on 60,000 events", "high"),
)  # fmt: skip
