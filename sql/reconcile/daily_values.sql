-- One row per destination, account day, destination event name and currency that occurs: the
-- value of each status, exact decimals, with the identities of daily_gaps. `XXX` is the currency
-- of amounts without one.
--
-- Parameters: $run_id VARCHAR.
-- Reads: reconciliation (of this run).
WITH amounts AS (
  SELECT
    reconciliation.destination,
    reconciliation.account_day AS day,
    reconciliation.event,
    reconciliation.currency,
    reconciliation.status,
    SUM(reconciliation.value) AS value
  FROM reconciliation
  WHERE reconciliation.value IS NOT NULL
  GROUP BY
    reconciliation.destination,
    reconciliation.account_day,
    reconciliation.event,
    reconciliation.currency,
    reconciliation.status
),

summed AS (
  SELECT
    amounts.destination,
    amounts.day,
    amounts.event,
    amounts.currency,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'accepted'), 0) AS accepted,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'pending'), 0) AS pending,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'unknown'), 0) AS unknown,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'missing'), 0) AS missing,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'failed'), 0) AS failed,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'rejected'), 0) AS rejected,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'ambiguous'), 0) AS ambiguous,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'conflict'), 0) AS conflict,
    COALESCE(SUM(amounts.value) FILTER (WHERE amounts.status = 'suppressed'), 0) AS suppressed
  FROM amounts
  GROUP BY amounts.destination, amounts.day, amounts.event, amounts.currency
),

gapped AS (
  SELECT
    summed.*,
    summed.conflict + summed.rejected + summed.ambiguous + summed.failed + summed.missing AS gap
  FROM summed
)

SELECT
  $run_id AS run_id,
  gapped.destination,
  gapped.day,
  gapped.event,
  gapped.currency,
  CAST(gapped.accepted + gapped.pending + gapped.unknown + gapped.gap AS DECIMAL(38, 18))
    AS expected,
  CAST(gapped.accepted AS DECIMAL(38, 18)) AS accepted,
  CAST(gapped.pending AS DECIMAL(38, 18)) AS pending,
  CAST(gapped.unknown AS DECIMAL(38, 18)) AS unknown,
  CAST(gapped.gap AS DECIMAL(38, 18)) AS gap,
  CAST(gapped.missing AS DECIMAL(38, 18)) AS missing,
  CAST(gapped.failed AS DECIMAL(38, 18)) AS failed,
  CAST(gapped.rejected AS DECIMAL(38, 18)) AS rejected,
  CAST(gapped.ambiguous AS DECIMAL(38, 18)) AS ambiguous,
  CAST(gapped.conflict AS DECIMAL(38, 18)) AS conflict,
  CAST(gapped.suppressed AS DECIMAL(38, 18)) AS suppressed
FROM gapped
ORDER BY gapped.destination, gapped.day, gapped.event, gapped.currency
