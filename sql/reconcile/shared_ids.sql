-- One row per match key of a conversion that has a further id with attempts that belong to another
-- event id: they may be its own.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: further_ids, aliases, receipts (one row per attempt per event).
-- Source: docs/reconciliation.md, tiers.
WITH others_ids AS (
  SELECT
    further_ids.destination,
    further_ids.further_id,
    further_ids.event_id,
    further_ids.event
  FROM further_ids
  LEFT JOIN aliases
    ON
      further_ids.destination = aliases.destination
      AND further_ids.further_id = aliases.further_id
  WHERE further_ids.event_id IS DISTINCT FROM aliases.event_id
)

SELECT DISTINCT
  others_ids.destination,
  others_ids.event_id,
  others_ids.event
FROM others_ids
INNER JOIN receipts
  ON
    others_ids.destination = receipts.destination
    AND others_ids.further_id = receipts.event_id
WHERE receipts.attempted_at <= $as_of
