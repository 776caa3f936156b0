-- One row per match key that has receipts: all its attempts resolved to one outcome.
--
-- A receipt that names no event stands for every conversion with its id; one that names a
-- conversion's further id for that conversion. Attempts after the instant are ignored. `tier` is 0
-- where an attempt names the event id itself, else the lowest tier of the further ids.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: named_attempts, recurring_attempts,
-- recurring_outcomes.
-- Source: DESIGN §4.
WITH single_attempts AS (
  SELECT named_attempts.*
  FROM named_attempts
  WHERE
    named_attempts.attempted_at <= $as_of
    AND NOT EXISTS (
      SELECT 1
      FROM recurring_attempts
      WHERE
        recurring_attempts.destination = named_attempts.destination
        AND recurring_attempts.event_id = named_attempts.event_id
    )
)

SELECT
  single_attempts.destination,
  single_attempts.event_id,
  single_attempts.event,
  single_attempts.outcome AS resolved_outcome,
  single_attempts.code,
  single_attempts.value,
  single_attempts.currency,
  1 AS attempts,
  single_attempts.tier,
  single_attempts.attempted_at AS first_attempted_at,
  single_attempts.event_time
FROM single_attempts
UNION ALL
SELECT
  recurring_outcomes.destination,
  recurring_outcomes.event_id,
  recurring_outcomes.event,
  recurring_outcomes.resolved_outcome,
  recurring_outcomes.code,
  recurring_outcomes.value,
  recurring_outcomes.currency,
  recurring_outcomes.attempts,
  recurring_outcomes.tier,
  recurring_outcomes.first_attempted_at,
  recurring_outcomes.event_time
FROM recurring_outcomes
