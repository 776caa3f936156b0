-- One row per destination, status of the gap and currency: how much of a run's gap can still be
-- sent, and how much is too old for the destination. Both together are the gap, in counts and in
-- value. `sendable`: of what is young enough, what has a usable time.
--
-- Parameters: $as_of TIMESTAMPTZ, the run's instant; $from_day, $to_day DATE, account days, both
-- ends included, NULL for no bound.
-- Reads: reconciliation (of the run).
-- Source: docs/reconciliation.md; `recoverable` and `expired` as in sql/reconcile/daily_gaps.sql.
WITH gap_conversions AS (
  SELECT
    reconciliation.destination,
    reconciliation.status,
    reconciliation.currency,
    reconciliation.value,
    reconciliation.event_time,
    COALESCE(reconciliation.backfill_deadline >= $as_of, TRUE) AS is_recoverable
  FROM reconciliation
  WHERE
    reconciliation.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
    AND COALESCE(reconciliation.account_day >= $from_day, TRUE)
    AND COALESCE(reconciliation.account_day <= $to_day, TRUE)
)

SELECT
  gap_conversions.destination,
  gap_conversions.status,
  gap_conversions.currency,
  COUNT(*) FILTER (
    WHERE gap_conversions.is_recoverable AND gap_conversions.event_time IS NOT NULL
  ) AS sendable,
  COUNT(*) FILTER (WHERE gap_conversions.is_recoverable) AS recoverable,
  COUNT(*) FILTER (WHERE NOT gap_conversions.is_recoverable) AS expired,
  SUM(gap_conversions.value) FILTER (WHERE gap_conversions.is_recoverable) AS recoverable_value,
  SUM(gap_conversions.value) FILTER (WHERE NOT gap_conversions.is_recoverable) AS expired_value
FROM gap_conversions
GROUP BY gap_conversions.destination, gap_conversions.status, gap_conversions.currency
ORDER BY gap_conversions.destination, gap_conversions.status, gap_conversions.currency
