-- One row per incident of the chosen runs and explained conversion that falls into it: by its
-- arrival, for `rejections` by an attempt that was rejected with the code of the incident.
--
-- Reads: incidents (of the destinations' chosen runs), explained_statuses, explained_attempts.
-- Source: docs/reconciliation.md, incidents.
WITH expected AS (
  SELECT explained_statuses.*
  FROM explained_statuses
  WHERE explained_statuses.status <> 'suppressed'
)

SELECT
  incidents.run_id,
  incidents.destination,
  expected.event_id,
  expected.event,
  expected.file_id,
  expected.record_number,
  incidents.diagnosis,
  incidents.starts_at,
  incidents.ends_at,
  incidents.source,
  incidents.code,
  incidents.conversions,
  incidents.is_open
FROM incidents
INNER JOIN expected
  ON
    incidents.run_id = expected.run_id
    AND incidents.destination = expected.destination
WHERE
  CASE incidents.diagnosis
    WHEN 'rejections'
      THEN EXISTS (
        SELECT 1
        FROM explained_attempts
        WHERE
          explained_attempts.destination = expected.destination
          AND explained_attempts.for_event_id = expected.event_id
          AND explained_attempts.for_event = expected.event
          AND explained_attempts.relation = 'own'
          AND explained_attempts.outcome = 'rejected'
          AND explained_attempts.code = incidents.code
          AND explained_attempts.attempted_at >= incidents.starts_at
          AND explained_attempts.attempted_at < incidents.ends_at
      )
    WHEN 'receipts_missing'
      THEN
        expected.arrival >= incidents.starts_at
        AND expected.arrival <= incidents.ends_at
    ELSE
      expected.arrival >= incidents.starts_at
      AND expected.arrival < incidents.ends_at
      AND expected.source = COALESCE(incidents.source, expected.source)
  END
ORDER BY
  incidents.destination,
  expected.event,
  expected.event_id,
  incidents.starts_at,
  incidents.diagnosis,
  incidents.code
