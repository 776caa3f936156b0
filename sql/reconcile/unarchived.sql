-- One row per match key among the receipts, of any outcome, whose event id is on no event that was
-- archived by the instant: the messageId of none, and among the ids of no occurrence of a
-- conversion. Its account day is that of the event time, else of the earliest attempt, within the
-- years 1 to 9999.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: unmatched, conversion_occurrences, event_segments (one row per archived event occurrence),
-- account_zones.
-- Source: DESIGN §6.
WITH unmatched_receipts AS (
  SELECT
    unmatched.destination,
    unmatched.event_id,
    COALESCE(CAST(unmatched.event AS VARCHAR), '(unnamed)') AS event,
    COALESCE(unmatched.event_time, unmatched.first_attempted_at) AS happened_at
  FROM unmatched
  WHERE NOT unmatched.is_conversion
),

named_ids AS (
  SELECT DISTINCT
    unmatched.destination,
    unmatched.event_id
  FROM unmatched
  WHERE
    NOT unmatched.is_conversion
    AND unmatched.event IS NOT NULL
),

archived_ids AS (
  SELECT DISTINCT event_segments.message_id
  FROM event_segments
  INNER JOIN unmatched_receipts
    ON event_segments.message_id = unmatched_receipts.event_id
  WHERE COALESCE(event_segments.arrival <= $as_of, TRUE)
),

known_occurrences AS (
  SELECT
    occurrence.destination,
    occurrence.event_id,
    occurrence.further_ids
  FROM conversion_occurrences AS occurrence
  WHERE COALESCE(occurrence.arrival <= $as_of, TRUE)
),

known_further_ids AS (
  SELECT
    known_occurrences.destination,
    UNNEST(known_occurrences.further_ids) AS event_id
  FROM known_occurrences
  WHERE known_occurrences.further_ids IS NOT NULL
),

converted_ids AS (
  SELECT
    known_occurrences.destination,
    known_occurrences.event_id
  FROM known_occurrences
  INNER JOIN unmatched_receipts
    ON
      known_occurrences.destination = unmatched_receipts.destination
      AND known_occurrences.event_id = unmatched_receipts.event_id
  UNION
  SELECT
    known_further_ids.destination,
    known_further_ids.event_id
  FROM known_further_ids
  INNER JOIN unmatched_receipts
    ON
      known_further_ids.destination = unmatched_receipts.destination
      AND known_further_ids.event_id = unmatched_receipts.event_id
)

SELECT
  unmatched_receipts.destination,
  unmatched_receipts.event_id,
  unmatched_receipts.event,
  GREATEST(
    LEAST(
      CAST(
        unmatched_receipts.happened_at AT TIME ZONE account_zones.account_timezone AS DATE
      ),
      DATE '9999-12-31'
    ),
    DATE '0001-01-01'
  ) AS account_day
FROM unmatched_receipts
INNER JOIN account_zones
  ON
    unmatched_receipts.destination = account_zones.destination
    AND unmatched_receipts.happened_at >= account_zones.starts_at
    AND unmatched_receipts.happened_at < account_zones.ends_at
LEFT JOIN archived_ids
  ON unmatched_receipts.event_id = archived_ids.message_id
LEFT JOIN converted_ids
  ON
    unmatched_receipts.destination = converted_ids.destination
    AND unmatched_receipts.event_id = converted_ids.event_id
LEFT JOIN named_ids
  ON
    unmatched_receipts.event = '(unnamed)'
    AND unmatched_receipts.destination = named_ids.destination
    AND unmatched_receipts.event_id = named_ids.event_id
WHERE
  archived_ids.message_id IS NULL
  AND converted_ids.event_id IS NULL
  AND named_ids.event_id IS NULL
