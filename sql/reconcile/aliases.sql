-- One row per further id whose receipts belong to another event id: that of the conversion with
-- the lowest tier, then the earliest. An id that is some conversion's event id is nobody's alias.
--
-- Reads: further_ids, conversions.
-- Source: docs/reconciliation.md, tiers.
SELECT
  further_ids.destination,
  further_ids.further_id,
  further_ids.event_id,
  further_ids.tier
FROM further_ids
WHERE
  NOT EXISTS (
    SELECT 1
    FROM conversions
    WHERE
      conversions.destination = further_ids.destination
      AND conversions.event_id = further_ids.further_id
  )
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY further_ids.destination, further_ids.further_id
  ORDER BY
    further_ids.tier,
    further_ids.arrival,
    further_ids.file_id,
    further_ids.record_number,
    further_ids.source,
    further_ids.event_id
) = 1
