"""What is known of the Meta Conversions API, and from where."""

from __future__ import annotations

from archiver.destinations.base import Fact

META_FACTS = (
    Fact("batch", "at most 1,000 events in a request", "Meta: using the API; RudderStack", "high"),
    Fact("age", "7 days; one older event refuses the whole request", "Meta: server event", "high"),
    Fact("age (physical_store)", "62 days", "RudderStack, Amperity", "medium"),
    Fact("future", "an event more than a minute ahead of Meta's clock is refused",
         "rudder-transformer facebook_pixel utils.js", "medium"),
    Fact("body size", "no limit in Meta's pages; RudderStack speaks of about 1 MB",
         "rudder-transformer facebook_pixel README", "low"),
    Fact("rate", "none of its own is documented, the Graph API's throttling still occurs; 10 "
         "requests a second are a careful choice",
         "Meta: using the API; rudder-transformer README", "low"),
    Fact("required", "a Purchase needs value and currency (100/2804009); user data must hold more "
         "than ct, country, st, zp, ge and client_user_agent, than db and client_user_agent, than "
         "fn or ln and ge (100/2804050); an app event needs advertiser_tracking_enabled and "
         "extinfo's version and OS version: without them an event is unsendable",
         "Meta: server event, best practices, app events", "high"),
    Fact("required of websites", "client_user_agent and event_source_url; without them an event "
         "may not be used for optimisation or measurement, but is sent",
         "Meta: parameters; Segment's documentation", "medium"),
    Fact("de-duplication", "same event_name and event_id within 48 hours: the first counts",
         "Meta: server event", "high"),
    Fact("de-duplication of two server events", "promised for browser and server only",
         "Meta: de-duplication, partly read", "medium"),
    Fact("one bad event", "the whole request is refused", "Meta: using the API", "high"),
    Fact("replies", "a count of events received, no verdict for single events",
         "facebook-python-business-sdk event_response", "high"),
    Fact("index in errors", "data[3] or $['data'][3] before the field's name",
         "facebook-nodejs-business-sdk issue 258; two public projects", "medium"),
    Fact("test events", "events with test_event_code are not dropped and count",
         "Meta: using the API", "high"),
    Fact("names (segment)", "six presets; event_id is messageId, event_time the timestamp's text",
         "segmentio/action-destinations 3.497", "high"),
    Fact("field mapping (segment)", "as Segment's default mappings, quirks included, but that "
         "event_time is Unix seconds; other names as its custom event, without custom_data",
         "segmentio/action-destinations 3.497", "high"),
    Fact("differences (segment)", "what Meta refuses is unsendable; what Segment refuses for one "
         "field is sent without that field; a phone number with a hash inside is left out, where "
         "Segment sends it in clear; app events carry app_data; docs/differences.md has all",
         "compared with Segment's code on 60,000 events", "high"),
    Fact("field mapping (rudderstack)", "as Facebook Conversions builds it, with the dashboard's "
         "defaults", "rudderlabs/rudder-transformer facebook_conversions", "medium"),
    Fact("version", "v24.0 at Segment, v25.0 at RudderStack; Meta keeps one for about two years",
         "segmentio/action-destinations 3.497; rudder-transformer fixtures", "high"),
    Fact("token", "Authorization: Bearer, as Segment sends it; RudderStack has access_token in the "
         "address", "segmentio/action-destinations 3.497", "high"),
    Fact("names (rudderstack)", "as the destination Facebook Conversions has them; Facebook Pixel "
         "has neither Payment Info Entered nor Product Added to Wishlist, and names page calls "
         "after the page: give it rules of its own, and integration = \"Facebook Pixel\"",
         "rudderlabs/rudder-transformer facebook_conversions, facebook_pixel", "high"),
    Fact("id (rudderstack)", "traits.event_id, context.traits.event_id, properties.event_id, "
         "messageId, in that order", "rudder-transformer FBCCommonConfig.json", "high"),
    Fact("integrations", "the key is Facebook Conversions API (Actions) at Segment, Facebook "
         "Conversions at RudderStack, exactly as written",
         "segmentio/action-destinations; rudderlabs/rudder-integrations-config db-config.json",
         "high"),
)  # fmt: skip
"""See `Destination.documentation`."""
