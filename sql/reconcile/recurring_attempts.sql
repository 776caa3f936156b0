-- One row per event id that several attempts by the instant name, under whatever event name. The
-- others need no choice.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: receipts (one row per attempt per event), aliases.
WITH attempts AS (
  SELECT
    receipts.destination,
    COALESCE(aliases.event_id, receipts.event_id) AS event_id
  FROM receipts
  LEFT JOIN aliases
    ON
      receipts.destination = aliases.destination
      AND receipts.event_id = aliases.further_id
  WHERE
    receipts.attempted_at <= $as_of
    AND receipts.event_id IS NOT NULL
)

SELECT
  attempts.destination,
  attempts.event_id
FROM attempts
GROUP BY attempts.destination, attempts.event_id
HAVING COUNT(*) > 1
