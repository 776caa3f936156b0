-- One row per conversion in the gap that the destination no longer takes: lost.
--
-- Reads: planned (one row per conversion in the gap, with its final disposition).
-- Source: docs/backfill.md, Deadlines.
SELECT
  planned.event_id,
  planned.event,
  planned.event_time,
  planned.status,
  planned.backfill_deadline AS deadline,
  planned.value,
  CASE WHEN planned.value IS NOT NULL THEN planned.currency END AS currency
FROM planned
WHERE planned.disposition = 'expired'
ORDER BY planned.position
