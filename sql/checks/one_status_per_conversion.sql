-- One row per match key that stands more than once in a run. No row: the check holds.
--
-- Only an id that stands more than once on a side can be doubled; that the rest is in the run once,
-- `nothing_left_out` shows.
--
-- Reads: reconciliation (of one run), recurring_ids, recurring_attempts.
WITH repeated_ids AS (
  SELECT
    recurring_ids.destination,
    recurring_ids.event_id
  FROM recurring_ids
  UNION
  SELECT
    recurring_attempts.destination,
    recurring_attempts.event_id
  FROM recurring_attempts
)

SELECT
  reconciliation.destination,
  reconciliation.event_id,
  reconciliation.event,
  COUNT(*) AS conversions
FROM reconciliation
INNER JOIN repeated_ids
  ON
    reconciliation.destination = repeated_ids.destination
    AND reconciliation.event_id = repeated_ids.event_id
GROUP BY reconciliation.destination, reconciliation.event_id, reconciliation.event
HAVING COUNT(*) > 1
ORDER BY reconciliation.destination, reconciliation.event_id, reconciliation.event
