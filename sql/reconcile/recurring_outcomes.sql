-- One row per match key whose event id several attempts name: all its attempts resolved to one
-- outcome.
--
-- Accepted if any attempt was accepted; otherwise unknown if any may have landed; otherwise the
-- latest attempt's, by time, attempt, file and record. `tier` is 0 where an attempt names the
-- event id itself, else the lowest tier of the further ids that are named.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: named_attempts, recurring_attempts.
-- Source: DESIGN §4.
WITH several_attempts AS (
  SELECT named_attempts.*
  FROM named_attempts
  INNER JOIN recurring_attempts
    ON
      named_attempts.destination = recurring_attempts.destination
      AND named_attempts.event_id = recurring_attempts.event_id
  WHERE named_attempts.attempted_at <= $as_of
),

deciding_attempts AS (
  SELECT several_attempts.*
  FROM several_attempts
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY several_attempts.destination, several_attempts.event_id, several_attempts.event
    ORDER BY
      CASE several_attempts.outcome WHEN 'accepted' THEN 1 WHEN 'unknown' THEN 2 ELSE 3 END,
      several_attempts.attempted_at DESC,
      several_attempts.attempt DESC NULLS LAST,
      several_attempts.file_id DESC,
      several_attempts.record_number DESC,
      several_attempts.outcome DESC,
      several_attempts.code DESC NULLS LAST,
      several_attempts.value DESC NULLS LAST
  ) = 1
),

attempt_counts AS (
  SELECT
    several_attempts.destination,
    several_attempts.event_id,
    several_attempts.event,
    COUNT(*) AS attempts,
    MIN(several_attempts.tier) AS tier,
    MIN(several_attempts.attempted_at) AS first_attempted_at,
    MIN(several_attempts.event_time) AS event_time
  FROM several_attempts
  GROUP BY several_attempts.destination, several_attempts.event_id, several_attempts.event
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
  attempt_counts.tier,
  attempt_counts.first_attempted_at,
  attempt_counts.event_time
FROM deciding_attempts
INNER JOIN attempt_counts
  ON
    deciding_attempts.destination = attempt_counts.destination
    AND deciding_attempts.event_id = attempt_counts.event_id
    AND deciding_attempts.event IS NOT DISTINCT FROM attempt_counts.event
