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
    COALESCE(
      SUM(reconciliation.value) FILTER (WHERE reconciliation.status <> 'suppressed'), 0
    ) AS expected
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
  daily_values.expected,
  values_per_row.expected AS conversions
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
  OR daily_values.expected IS DISTINCT FROM values_per_row.expected
ORDER BY daily_values.destination, daily_values.day, daily_values.event, daily_values.currency
