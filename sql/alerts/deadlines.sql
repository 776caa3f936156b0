-- One row per destination, status and currency: the conversions of a run's gap that can still be
-- sent, that become unrecoverable within a span, and that are in no backfill that was sent.
--
-- In a backfill that was sent is what is in one that is not void and of which an upload began:
-- after the run's instant, so that its replies are not in the run; or before it, where an attempt
-- since then shows that the upload came to this event. What an upload attempted and is still in the
-- gap was not taken: only what it refused or what may have landed stays quiet then.
--
-- Parameters: $as_of TIMESTAMPTZ, the instant of the round; $run_as_of TIMESTAMPTZ, of the run;
-- $until TIMESTAMPTZ, the end of the span.
-- Reads: reconciliation (of the run); uploaded_events (one row per destination, event id and name
-- in a backfill that is not void and of which an upload began, with began_at); receipts.
-- Source: docs/nightly.md, Alerts; docs/backfill.md, Deadlines.
WITH due_conversions AS (
  SELECT
    reconciliation.destination,
    reconciliation.event_id,
    reconciliation.event,
    reconciliation.status,
    reconciliation.currency,
    reconciliation.value,
    reconciliation.backfill_deadline AS deadline
  FROM reconciliation
  WHERE
    reconciliation.status IN ('rejected', 'ambiguous', 'failed', 'missing')
    AND reconciliation.event_time IS NOT NULL
    AND reconciliation.backfill_deadline >= $as_of
    AND reconciliation.backfill_deadline <= $until
),

due_uploads AS (
  SELECT
    uploaded_events.destination,
    uploaded_events.event_id,
    uploaded_events.event,
    MAX(uploaded_events.began_at) AS began_at
  FROM uploaded_events
  INNER JOIN due_conversions
    ON
      uploaded_events.destination = due_conversions.destination
      AND uploaded_events.event_id = due_conversions.event_id
      AND uploaded_events.event = due_conversions.event
  GROUP BY uploaded_events.destination, uploaded_events.event_id, uploaded_events.event
),

attempted_uploads AS (
  SELECT DISTINCT
    due_uploads.destination,
    due_uploads.event_id,
    due_uploads.event
  FROM due_uploads
  INNER JOIN receipts
    ON
      due_uploads.destination = receipts.destination
      AND due_uploads.event_id = receipts.event_id
      AND due_uploads.began_at <= receipts.attempted_at
),

unsent AS (
  SELECT due_conversions.*
  FROM due_conversions
  LEFT JOIN due_uploads
    ON
      due_conversions.destination = due_uploads.destination
      AND due_conversions.event_id = due_uploads.event_id
      AND due_conversions.event = due_uploads.event
  LEFT JOIN attempted_uploads
    ON
      due_conversions.destination = attempted_uploads.destination
      AND due_conversions.event_id = attempted_uploads.event_id
      AND due_conversions.event = attempted_uploads.event
  WHERE NOT (
    COALESCE(due_uploads.began_at > $run_as_of, FALSE)
    OR (
      attempted_uploads.event_id IS NOT NULL
      AND due_conversions.status IN ('rejected', 'ambiguous')
    )
  )
)

SELECT
  unsent.destination,
  unsent.status,
  unsent.currency,
  COUNT(*) AS conversions,
  SUM(unsent.value) AS value,
  MIN(unsent.deadline) AS deadline
FROM unsent
GROUP BY unsent.destination, unsent.status, unsent.currency
ORDER BY unsent.destination, unsent.status, unsent.currency
