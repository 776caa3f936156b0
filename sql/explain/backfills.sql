-- One row per backfill that holds an explained conversion, with the attempt after its instant that
-- settles it, the earliest; `settled_at` is NULL where no receipt has.
--
-- Reads: backfills (one row per event of each backfill, with `voided_at`), explained_conversions,
-- explained_attempts.
WITH keys AS (
  SELECT DISTINCT
    explained_conversions.destination,
    explained_conversions.event_id,
    explained_conversions.event
  FROM explained_conversions
  WHERE explained_conversions.event_id IS NOT NULL
),

sent AS (
  SELECT
    backfills.destination,
    backfills.event_id,
    backfills.event,
    backfills.backfill_id,
    backfills.run_id,
    backfills.as_of,
    backfills.status,
    backfills.batch,
    backfills.created_at,
    backfills.voided_at
  FROM backfills
  INNER JOIN keys
    ON
      backfills.destination = keys.destination
      AND backfills.event_id = keys.event_id
      AND backfills.event = keys.event
)

SELECT
  sent.destination,
  sent.event_id,
  sent.event,
  sent.backfill_id,
  sent.run_id,
  sent.as_of,
  sent.status,
  sent.batch,
  sent.created_at,
  sent.voided_at,
  explained_attempts.attempted_at AS settled_at,
  explained_attempts.outcome AS settled_outcome
FROM sent
LEFT JOIN explained_attempts
  ON
    sent.destination = explained_attempts.destination
    AND sent.event_id = explained_attempts.for_event_id
    AND sent.event = explained_attempts.for_event
    AND explained_attempts.relation = 'own'
    AND sent.as_of < explained_attempts.attempted_at
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY sent.destination, sent.event_id, sent.event, sent.backfill_id
    ORDER BY
      explained_attempts.attempted_at NULLS LAST,
      explained_attempts.attempt NULLS LAST,
      explained_attempts.file_id,
      explained_attempts.record_number
  ) = 1
ORDER BY sent.destination, sent.event, sent.event_id, sent.created_at, sent.backfill_id
