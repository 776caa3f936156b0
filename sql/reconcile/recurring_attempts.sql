-- One row per event id that several attempts by the instant name, under whatever event name. The
-- others need no choice.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: attempts.
SELECT
  attempts.destination,
  attempts.event_id
FROM attempts
WHERE attempts.attempted_at <= $as_of
GROUP BY attempts.destination, attempts.event_id
HAVING COUNT(*) > 1
