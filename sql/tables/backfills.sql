-- One row per event of each backfill, with when the backfill was declared void.
--
-- Reads: backfill_events (the ledger: one row per event of each backfill), voided_backfills (one
-- row per void backfill).
SELECT
  backfill_events.destination,
  backfill_events.backfill_id,
  backfill_events.run_id,
  backfill_events.as_of,
  backfill_events.event_id,
  backfill_events.event,
  backfill_events.source,
  backfill_events.message_id,
  backfill_events.status,
  backfill_events.batch,
  backfill_events.value,
  backfill_events.currency,
  backfill_events.created_at,
  voided_backfills.voided_at
FROM backfill_events
LEFT JOIN voided_backfills
  ON
    backfill_events.destination = voided_backfills.destination
    AND backfill_events.backfill_id = voided_backfills.backfill_id
