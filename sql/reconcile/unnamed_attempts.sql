-- One row per attempt by the instant that names no event, and conversion with its id: it stands for
-- each of them; `(unnamed)` where there is none.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: receipts (one row per attempt per event), aliases, conversions.
-- Source: DESIGN §4.
WITH attempts AS (
  SELECT
    receipts.destination,
    COALESCE(aliases.event_id, receipts.event_id) AS event_id,
    COALESCE(aliases.tier, 0) AS tier,
    receipts.event_time,
    receipts.outcome,
    receipts.code,
    receipts.attempted_at,
    receipts.attempt,
    receipts.value,
    receipts.currency,
    receipts.file_id,
    receipts.record_number
  FROM receipts
  LEFT JOIN aliases
    ON
      receipts.destination = aliases.destination
      AND receipts.event_id = aliases.further_id
  WHERE
    receipts.attempted_at <= $as_of
    AND receipts.event_id IS NOT NULL
    AND receipts.event_name IS NULL
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
  COALESCE(conversion_names.event, '(unnamed)') AS event,
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
