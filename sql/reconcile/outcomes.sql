-- One row per match key that has receipts: all its attempts resolved to one outcome.
--
-- Accepted if any attempt was accepted; otherwise unknown if any may have landed; otherwise the
-- latest attempt's, by time, attempt, file and record. A receipt that names no event stands for
-- every conversion with its id. Attempts after the instant are ignored.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: receipts (one row per attempt per event), conversions.
-- Source: DESIGN §4.
WITH attempts AS (
  SELECT
    receipts.destination,
    receipts.event_id,
    receipts.event_name,
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
  WHERE
    receipts.attempted_at <= $as_of
    AND receipts.event_id IS NOT NULL
),

named_attempts AS (
  SELECT
    attempts.destination,
    attempts.event_id,
    attempts.event_time,
    attempts.outcome,
    attempts.code,
    attempts.attempted_at,
    attempts.attempt,
    attempts.value,
    attempts.currency,
    attempts.file_id,
    attempts.record_number,
    attempts.event_name AS event
  FROM attempts
  WHERE attempts.event_name IS NOT NULL
  UNION ALL
  SELECT
    attempts.destination,
    attempts.event_id,
    attempts.event_time,
    attempts.outcome,
    attempts.code,
    attempts.attempted_at,
    attempts.attempt,
    attempts.value,
    attempts.currency,
    attempts.file_id,
    attempts.record_number,
    COALESCE(conversions.event, '(unnamed)') AS event
  FROM attempts
  LEFT JOIN conversions
    ON
      attempts.destination = conversions.destination
      AND attempts.event_id = conversions.event_id
  WHERE attempts.event_name IS NULL
),

deciding_attempts AS (
  SELECT named_attempts.*
  FROM named_attempts
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY named_attempts.destination, named_attempts.event_id, named_attempts.event
    ORDER BY
      CASE named_attempts.outcome WHEN 'accepted' THEN 1 WHEN 'unknown' THEN 2 ELSE 3 END,
      named_attempts.attempted_at DESC,
      named_attempts.attempt DESC NULLS LAST,
      named_attempts.file_id DESC,
      named_attempts.record_number DESC,
      named_attempts.outcome DESC
  ) = 1
),

attempt_counts AS (
  SELECT
    named_attempts.destination,
    named_attempts.event_id,
    named_attempts.event,
    COUNT(*) AS attempts,
    MIN(named_attempts.attempted_at) AS first_attempted_at,
    MIN(named_attempts.event_time) AS event_time
  FROM named_attempts
  GROUP BY named_attempts.destination, named_attempts.event_id, named_attempts.event
)

SELECT
  deciding_attempts.destination,
  deciding_attempts.event_id,
  deciding_attempts.event,
  deciding_attempts.outcome AS resolved_outcome,
  deciding_attempts.code,
  deciding_attempts.value,
  deciding_attempts.currency,
  attempt_counts.attempts,
  attempt_counts.first_attempted_at,
  attempt_counts.event_time
FROM deciding_attempts
INNER JOIN attempt_counts
  ON
    deciding_attempts.destination = attempt_counts.destination
    AND deciding_attempts.event_id = attempt_counts.event_id
    AND deciding_attempts.event = attempt_counts.event
