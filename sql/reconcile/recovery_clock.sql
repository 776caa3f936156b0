-- One row per destination, account day, hour (UTC) of a deadline still ahead, and currency: the
-- conversions of the gap that a backfill can hold, and that become unrecoverable within that hour.
-- `deadline_hour` is NULL for those that the destination takes at any age.
--
-- What is in conflict or has no time is never sent, and left out.
--
-- Parameters: $run_id VARCHAR, $as_of TIMESTAMPTZ.
-- Reads: reconciliation (of this run).
-- Source: docs/backfill.md, deadlines.
WITH sendable AS (
  SELECT
    reconciliation.destination,
    reconciliation.account_day,
    DATE_TRUNC('hour', reconciliation.backfill_deadline) AS deadline_hour,
    reconciliation.currency,
    reconciliation.value
  FROM reconciliation
  WHERE
    reconciliation.status IN ('rejected', 'ambiguous', 'failed', 'missing')
    AND reconciliation.event_time IS NOT NULL
    AND COALESCE(reconciliation.backfill_deadline >= $as_of, TRUE)
)

SELECT
  $run_id AS run_id,
  sendable.destination,
  sendable.account_day AS day,
  sendable.deadline_hour,
  sendable.currency,
  COUNT(*) AS conversions,
  SUM(sendable.value) AS value
FROM sendable
GROUP BY
  sendable.destination,
  sendable.account_day,
  sendable.deadline_hour,
  sendable.currency
ORDER BY
  sendable.destination,
  sendable.deadline_hour NULLS LAST,
  sendable.account_day,
  sendable.currency
