-- One row per attempt by the instant that names no event, and conversion with its id: it stands for
-- each of them; without an event name where there is none.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: unnamed_receipts (one row per attempt per event, of those without an event name), aliases,
-- conversions.
-- Source: DESIGN §4.
WITH attempts AS (
  SELECT
    unnamed_receipts.destination,
    COALESCE(aliases.event_id, unnamed_receipts.event_id) AS event_id,
    COALESCE(aliases.tier, 0) AS tier,
    unnamed_receipts.event_time,
    unnamed_receipts.outcome,
    unnamed_receipts.code,
    unnamed_receipts.attempted_at,
    unnamed_receipts.attempt,
    unnamed_receipts.value,
    unnamed_receipts.currency,
    unnamed_receipts.file_id,
    unnamed_receipts.record_number
  FROM unnamed_receipts
  LEFT JOIN aliases
    ON
      unnamed_receipts.destination = aliases.destination
      AND unnamed_receipts.event_id = aliases.further_id
  WHERE
    unnamed_receipts.attempted_at <= $as_of
    AND unnamed_receipts.event_id IS NOT NULL
),

unnamed_ids AS (
  SELECT DISTINCT
    attempts.destination,
    attempts.event_id
  FROM attempts
),

conversion_names AS (
  SELECT
    conversions.destination,
    conversions.event_id,
    conversions.event
  FROM conversions
  INNER JOIN unnamed_ids
    ON
      conversions.destination = unnamed_ids.destination
      AND conversions.event_id = unnamed_ids.event_id
)

SELECT
  attempts.destination,
  attempts.event_id,
  conversion_names.event,
  attempts.tier,
  attempts.event_time,
  attempts.outcome,
  attempts.code,
  attempts.attempted_at,
  attempts.attempt,
  attempts.value,
  attempts.currency,
  attempts.file_id,
  attempts.record_number
FROM attempts
LEFT JOIN conversion_names
  ON
    attempts.destination = conversion_names.destination
    AND attempts.event_id = conversion_names.event_id
