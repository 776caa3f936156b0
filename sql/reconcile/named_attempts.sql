-- One row per attempt that names an event id, under the event name that it names, or of each
-- conversion for which it stands.
--
-- Reads: attempts, unnamed_attempts (up to the instant).
SELECT
  attempts.destination,
  attempts.event_id,
  attempts.event_name AS event,
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
WHERE attempts.event_name IS NOT NULL
UNION ALL
SELECT
  unnamed_attempts.destination,
  unnamed_attempts.event_id,
  unnamed_attempts.event,
  unnamed_attempts.tier,
  unnamed_attempts.event_time,
  unnamed_attempts.outcome,
  unnamed_attempts.code,
  unnamed_attempts.attempted_at,
  unnamed_attempts.attempt,
  unnamed_attempts.value,
  unnamed_attempts.currency,
  unnamed_attempts.file_id,
  unnamed_attempts.record_number
FROM unnamed_attempts
