-- One row per currency: what a backfill can still hold of the gap of one destination in a run, as
-- of now, by its deadlines; what had not expired at the run's instant and has since is
-- `expired_since`.
--
-- Parameters: $destination VARCHAR; $as_of TIMESTAMPTZ, the run's instant; $now TIMESTAMPTZ.
-- Reads: reconciliation (of the run).
-- Source: docs/backfill.md, deadlines.
WITH sendable AS (
  SELECT
    reconciliation.currency,
    reconciliation.value,
    reconciliation.backfill_deadline AS deadline
  FROM reconciliation
  WHERE
    reconciliation.destination = $destination
    AND reconciliation.status IN ('rejected', 'ambiguous', 'failed', 'missing')
    AND reconciliation.event_time IS NOT NULL
    AND COALESCE(reconciliation.backfill_deadline >= $as_of, TRUE)
)

SELECT
  sendable.currency,
  MIN(sendable.deadline) FILTER (WHERE sendable.deadline >= $now) AS next_deadline,
  COUNT(*) FILTER (
    WHERE
    sendable.deadline >= $now
    AND sendable.deadline < $now + INTERVAL 24 HOUR
  ) AS within_day,
  SUM(sendable.value) FILTER (
    WHERE
    sendable.deadline >= $now
    AND sendable.deadline < $now + INTERVAL 24 HOUR
  ) AS within_day_value,
  COUNT(*) FILTER (WHERE sendable.deadline >= $now) AS ahead,
  SUM(sendable.value) FILTER (WHERE sendable.deadline >= $now) AS ahead_value,
  COUNT(*) FILTER (WHERE sendable.deadline IS NULL) AS without_deadline,
  SUM(sendable.value) FILTER (WHERE sendable.deadline IS NULL) AS without_deadline_value,
  COUNT(*) FILTER (WHERE sendable.deadline < $now) AS expired_since,
  SUM(sendable.value) FILTER (WHERE sendable.deadline < $now) AS expired_since_value
FROM sendable
GROUP BY sendable.currency
ORDER BY sendable.currency
