-- One row per conversion in the gap that is left out of a backfill, why, and what can be done.
--
-- Reads: planned (one row per conversion in the gap, with its final disposition and, where it is
-- unsendable, the detail), left_out_reasons (reason, what_next).
-- Source: docs/backfill.md, What goes in.
SELECT
  planned.event_id,
  planned.event,
  planned.event_time,
  planned.status,
  planned.disposition AS reason,
  planned.detail,
  planned.earlier_backfill_id AS earlier_backfill,
  left_out_reasons.what_next,
  planned.value,
  CASE WHEN planned.value IS NOT NULL THEN planned.currency END AS currency
FROM planned
INNER JOIN left_out_reasons
  ON planned.disposition = left_out_reasons.reason
ORDER BY planned.position
