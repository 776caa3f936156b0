-- One row per daily value that breaks the identity of the counts, or that differs from the
-- conversions behind it. No row: the check holds.
--
-- Reads: daily_values, reconciliation (of one run).
WITH values_per_row AS (
  SELECT
    reconciliation.destination,
    reconciliation.account_day AS day,
    reconciliation.event,
    reconciliation.currency,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'accepted') AS accepted,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'pending') AS pending,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'unknown') AS unknown,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'missing') AS missing,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'failed') AS failed,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'rejected') AS rejected,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'ambiguous') AS ambiguous,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'conflict') AS conflict,
    SUM(reconciliation.value) FILTER (WHERE reconciliation.status = 'suppressed') AS suppressed
  FROM reconciliation
  WHERE reconciliation.value IS NOT NULL
  GROUP BY
    reconciliation.destination,
    reconciliation.account_day,
    reconciliation.event,
    reconciliation.currency
)

SELECT
  daily_values.destination,
  daily_values.day,
  daily_values.event,
  daily_values.currency,
  daily_values.expected
FROM daily_values
FULL OUTER JOIN values_per_row
  ON
    daily_values.destination = values_per_row.destination
    AND daily_values.day = values_per_row.day
    AND daily_values.event = values_per_row.event
    AND daily_values.currency = values_per_row.currency
WHERE
  daily_values.expected IS DISTINCT FROM (
    daily_values.accepted + daily_values.pending + daily_values.unknown + daily_values.gap
  )
  OR daily_values.gap IS DISTINCT FROM (
    daily_values.conflict
    + daily_values.rejected
    + daily_values.ambiguous
    + daily_values.failed
    + daily_values.missing
  )
  OR daily_values.accepted IS DISTINCT FROM COALESCE(values_per_row.accepted, 0)
  OR daily_values.pending IS DISTINCT FROM COALESCE(values_per_row.pending, 0)
  OR daily_values.unknown IS DISTINCT FROM COALESCE(values_per_row.unknown, 0)
  OR daily_values.missing IS DISTINCT FROM COALESCE(values_per_row.missing, 0)
  OR daily_values.failed IS DISTINCT FROM COALESCE(values_per_row.failed, 0)
  OR daily_values.rejected IS DISTINCT FROM COALESCE(values_per_row.rejected, 0)
  OR daily_values.ambiguous IS DISTINCT FROM COALESCE(values_per_row.ambiguous, 0)
  OR daily_values.conflict IS DISTINCT FROM COALESCE(values_per_row.conflict, 0)
  OR daily_values.suppressed IS DISTINCT FROM COALESCE(values_per_row.suppressed, 0)
ORDER BY daily_values.destination, daily_values.day, daily_values.event, daily_values.currency
