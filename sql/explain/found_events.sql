-- One row per event that an id finds and per way in which it finds it: as its `message_id` or
-- `order_id`, as the `event_id` under which a destination knows it, or as a `further_id`, one of a
-- later tier; `key_tier` is that of the id. An event is its source and message id; without one,
-- its place in a file.
--
-- Parameters: $id VARCHAR.
-- Reads: event_segments (one row per occurrence), conversion_occurrences (one row per destination
-- and selected occurrence), explained_destinations (those that are asked for).
WITH named_occurrences AS (
  SELECT
    event_segments.source,
    event_segments.message_id,
    event_segments.order_id,
    event_segments.file_id,
    event_segments.record_number
  FROM event_segments
  WHERE
    event_segments.message_id = $id
    OR event_segments.order_id = $id
),

keyed_occurrences AS (
  SELECT
    conversion_occurrences.destination,
    conversion_occurrences.source,
    conversion_occurrences.message_id,
    conversion_occurrences.event_id,
    conversion_occurrences.key_tier,
    LIST_POSITION(conversion_occurrences.further_ids, $id) AS place,
    conversion_occurrences.file_id,
    conversion_occurrences.record_number
  FROM conversion_occurrences
  INNER JOIN explained_destinations
    ON conversion_occurrences.destination = explained_destinations.destination
  WHERE
    conversion_occurrences.event_id = $id
    OR LIST_CONTAINS(conversion_occurrences.further_ids, $id)
),

finds AS (
  SELECT
    named_occurrences.*,
    'message_id' AS found_as,
    NULL AS destination,
    NULL AS key_tier
  FROM named_occurrences
  WHERE named_occurrences.message_id = $id
  UNION ALL
  SELECT
    named_occurrences.*,
    'order_id' AS found_as,
    NULL AS destination,
    NULL AS key_tier
  FROM named_occurrences
  WHERE named_occurrences.order_id = $id
  UNION ALL
  SELECT
    keyed_occurrences.source,
    keyed_occurrences.message_id,
    NULL AS order_id,
    keyed_occurrences.file_id,
    keyed_occurrences.record_number,
    CASE WHEN keyed_occurrences.event_id = $id THEN 'event_id' ELSE 'further_id' END AS found_as,
    keyed_occurrences.destination,
    CASE
      WHEN keyed_occurrences.event_id = $id THEN keyed_occurrences.key_tier
      ELSE keyed_occurrences.key_tier + keyed_occurrences.place
    END AS key_tier
  FROM keyed_occurrences
)

SELECT DISTINCT
  finds.source,
  finds.message_id,
  CASE WHEN finds.message_id IS NULL THEN finds.file_id END AS file_id,
  CASE WHEN finds.message_id IS NULL THEN finds.record_number END AS record_number,
  finds.found_as,
  finds.destination,
  CAST(finds.key_tier AS BIGINT) AS key_tier
FROM finds
