-- One row per destination and backfill that holds conversions of the gap of a run and was made by
-- the run's instant: how many of them no attempt has settled by then.
--
-- Parameters: $as_of TIMESTAMPTZ, the run's instant.
-- Reads: reconciliation (of the run), backfills (one row per event of each backfill, with
-- voided_at), receipts.
-- Source: docs/backfill.md; an attempt after the instant of a backfill settles its event.
WITH open_events AS (
  SELECT
    backfills.destination,
    backfills.backfill_id,
    backfills.event_id,
    backfills.event,
    backfills.as_of
  FROM backfills
  WHERE backfills.voided_at IS NULL AND backfills.as_of <= $as_of
),

in_gap AS (
  SELECT
    open_events.destination,
    open_events.backfill_id,
    open_events.event_id,
    open_events.event,
    open_events.as_of
  FROM open_events
  INNER JOIN reconciliation
    ON
      open_events.destination = reconciliation.destination
      AND open_events.event_id = reconciliation.event_id
      AND open_events.event = reconciliation.event
  WHERE reconciliation.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
),

unsettled AS (
  SELECT
    in_gap.destination,
    in_gap.backfill_id
  FROM in_gap
  WHERE NOT EXISTS (
    SELECT 1
    FROM receipts
    WHERE
      receipts.destination = in_gap.destination
      AND receipts.event_id = in_gap.event_id
      AND COALESCE(receipts.event_name = in_gap.event, TRUE)
      AND receipts.attempted_at > in_gap.as_of
      AND receipts.attempted_at <= $as_of
  )
)

SELECT
  unsettled.destination,
  unsettled.backfill_id,
  COUNT(*) AS conversions
FROM unsettled
GROUP BY unsettled.destination, unsettled.backfill_id
ORDER BY unsettled.destination, unsettled.backfill_id
