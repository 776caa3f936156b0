-- One row per attempt that names an event id, of any instant. `event_id` is the conversion's, also
-- where the attempt names a further id of it; `tier` is then that id's, else 0.
--
-- Reads: receipts (one row per attempt per event, with `attempted_hour`, UTC, and `is_upload`: made
-- by an upload of a backfill), aliases.
-- Source: DESIGN §4, docs/reconciliation.md, tiers.
SELECT
  receipts.destination,
  COALESCE(aliases.event_id, receipts.event_id) AS event_id,
  receipts.event_name,
  COALESCE(aliases.tier, 0) AS tier,
  receipts.event_time,
  receipts.outcome,
  receipts.code,
  receipts.attempted_at,
  receipts.attempted_hour,
  receipts.attempt,
  receipts.is_upload,
  receipts.value,
  receipts.currency,
  receipts.file_id,
  receipts.record_number
FROM receipts
LEFT JOIN aliases
  ON
    receipts.destination = aliases.destination
    AND receipts.event_id = aliases.further_id
WHERE receipts.event_id IS NOT NULL
