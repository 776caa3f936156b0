-- One row per destination, deciding code, outcome and currency: the conversions of the gap of a run
-- that a receipt with a code decided for, when the first and the last of them arrived.
--
-- Parameters: $from_day, $to_day DATE, account days, both ends included, NULL for no bound.
-- Reads: reconciliation (of the run).
-- Source: docs/reconciliation.md, attempts.
WITH decided AS (
  SELECT
    reconciliation.destination,
    reconciliation.code,
    reconciliation.resolved_outcome AS outcome,
    reconciliation.currency,
    reconciliation.value,
    reconciliation.arrival
  FROM reconciliation
  WHERE
    reconciliation.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
    AND reconciliation.code IS NOT NULL
    AND COALESCE(reconciliation.account_day >= $from_day, TRUE)
    AND COALESCE(reconciliation.account_day <= $to_day, TRUE)
)

SELECT
  decided.destination,
  decided.code,
  decided.outcome,
  decided.currency,
  COUNT(*) AS conversions,
  SUM(decided.value) AS value,
  MIN(decided.arrival) AS first_arrival,
  MAX(decided.arrival) AS last_arrival
FROM decided
GROUP BY decided.destination, decided.code, decided.outcome, decided.currency
ORDER BY decided.destination, decided.code, decided.outcome, decided.currency
