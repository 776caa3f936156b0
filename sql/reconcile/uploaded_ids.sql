-- One row per event id that uploads of backfills attempted, and nobody else: of it the feed is
-- silent.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: attempts.
-- Source: docs/reconciliation.md, attempts.
WITH uploads AS (
  SELECT DISTINCT
    attempts.destination,
    attempts.event_id
  FROM attempts
  WHERE
    attempts.is_upload
    AND attempts.attempted_at <= $as_of
)

SELECT
  attempts.destination,
  attempts.event_id
FROM attempts
INNER JOIN uploads
  ON
    attempts.destination = uploads.destination
    AND attempts.event_id = uploads.event_id
WHERE attempts.attempted_at <= $as_of
GROUP BY attempts.destination, attempts.event_id
HAVING BOOL_AND(attempts.is_upload)
