-- One row per match key that stands more than once in a run. No row: the check holds.
--
-- Reads: reconciliation (of one run).
SELECT
  reconciliation.destination,
  reconciliation.event_id,
  reconciliation.event,
  COUNT(*) AS conversions
FROM reconciliation
WHERE reconciliation.event_id IS NOT NULL
GROUP BY reconciliation.destination, reconciliation.event_id, reconciliation.event
HAVING COUNT(*) > 1
ORDER BY reconciliation.destination, reconciliation.event_id, reconciliation.event
