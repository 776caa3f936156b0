-- One row per explained conversion that a chosen run has: its one status, and why, in the first of
-- its destination's chosen runs that has it.
--
-- Reads: reconciliation (of the chosen runs), explained_runs (one row per destination and chosen
-- run, `preference` 1 first), explained_conversions.
WITH keys AS (
  SELECT DISTINCT
    explained_conversions.destination,
    explained_conversions.event_id,
    explained_conversions.event
  FROM explained_conversions
  WHERE explained_conversions.event_id IS NOT NULL
),

keyless AS (
  SELECT
    explained_conversions.destination,
    explained_conversions.event,
    explained_conversions.source,
    explained_conversions.file_id,
    explained_conversions.record_number
  FROM explained_conversions
  WHERE explained_conversions.event_id IS NULL
),

found AS (
  SELECT reconciliation.*
  FROM reconciliation
  INNER JOIN keys
    ON
      reconciliation.destination = keys.destination
      AND reconciliation.event_id = keys.event_id
      AND reconciliation.event = keys.event
  UNION ALL
  SELECT reconciliation.*
  FROM reconciliation
  INNER JOIN keyless
    ON
      reconciliation.destination = keyless.destination
      AND reconciliation.event = keyless.event
      AND reconciliation.source = keyless.source
      AND reconciliation.file_id = keyless.file_id
      AND reconciliation.record_number = keyless.record_number
  WHERE reconciliation.event_id IS NULL
)

SELECT
  found.run_id,
  found.destination,
  found.source,
  found.message_id,
  found.event_id,
  found.event,
  found.account_day,
  found.event_time,
  found.status,
  found.reason,
  found.value,
  found.currency,
  found.attempts,
  found.resolved_outcome,
  found.code,
  found.match_tier,
  found.backfill_deadline,
  found.arrival,
  found.file_id,
  found.record_number,
  explained_runs.as_of
FROM found
INNER JOIN explained_runs
  ON
    found.destination = explained_runs.destination
    AND found.run_id = explained_runs.run_id
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY
      found.destination,
      found.event_id,
      found.event,
      CASE
        WHEN found.event_id IS NULL
          THEN CONCAT_WS(' ', found.source, found.file_id, found.record_number)
      END
    ORDER BY explained_runs.preference
  ) = 1
ORDER BY found.destination, found.event, found.event_id, found.file_id, found.record_number
