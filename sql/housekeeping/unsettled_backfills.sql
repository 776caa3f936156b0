-- One row per event of a backfill that is neither void nor settled: no receipt of it was attempted
-- after the backfill's as-of. A backfill whose as-of lies before $oldest is over, settled or not.
--
-- Parameters: $oldest TIMESTAMPTZ.
-- Reads: backfills (the ledger: one row per event of each backfill), voided_backfills, receipts.
-- Source: docs/nightly.md, Housekeeping.
SELECT
  backfills.destination,
  backfills.event_id,
  backfills.run_id,
  backfills.as_of
FROM backfills
WHERE
  backfills.as_of >= $oldest
  AND NOT EXISTS (
    SELECT 1
    FROM voided_backfills
    WHERE
      voided_backfills.destination = backfills.destination
      AND voided_backfills.backfill_id = backfills.backfill_id
  )
  AND NOT EXISTS (
    SELECT 1
    FROM receipts
    WHERE
      receipts.destination = backfills.destination
      AND receipts.event_id = backfills.event_id
      AND receipts.attempted_at > backfills.as_of
      AND COALESCE(receipts.event_name, backfills.event) = backfills.event
  )
ORDER BY backfills.destination, backfills.run_id, backfills.event_id
