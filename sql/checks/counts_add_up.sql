-- One row per daily gap whose counts break the identity
-- `expected = accepted + pending + unknown + gap`, or whose gap is not the sum of its parts, or
-- whose counts differ from the conversions behind it. No row: the check holds.
--
-- Reads: daily_gaps, reconciliation (of one run).
WITH conversions_per_row AS (
  SELECT
    reconciliation.destination,
    reconciliation.account_day AS day,
    reconciliation.event,
    COUNT(*) FILTER (WHERE reconciliation.status = 'accepted') AS accepted,
    COUNT(*) FILTER (WHERE reconciliation.status = 'pending') AS pending,
    COUNT(*) FILTER (WHERE reconciliation.status = 'unknown') AS unknown,
    COUNT(*) FILTER (WHERE reconciliation.status = 'missing') AS missing,
    COUNT(*) FILTER (WHERE reconciliation.status = 'failed') AS failed,
    COUNT(*) FILTER (WHERE reconciliation.status = 'rejected') AS rejected,
    COUNT(*) FILTER (WHERE reconciliation.status = 'ambiguous') AS ambiguous,
    COUNT(*) FILTER (WHERE reconciliation.status = 'conflict') AS conflict,
    COUNT(*) FILTER (WHERE reconciliation.status = 'suppressed') AS suppressed
  FROM reconciliation
  GROUP BY reconciliation.destination, reconciliation.account_day, reconciliation.event
)

SELECT
  daily_gaps.destination,
  daily_gaps.day,
  daily_gaps.event,
  daily_gaps.expected
FROM daily_gaps
FULL OUTER JOIN conversions_per_row
  ON
    daily_gaps.destination = conversions_per_row.destination
    AND daily_gaps.day = conversions_per_row.day
    AND daily_gaps.event = conversions_per_row.event
WHERE
  daily_gaps.expected IS DISTINCT FROM (
    daily_gaps.accepted + daily_gaps.pending + daily_gaps.unknown + daily_gaps.gap
  )
  OR daily_gaps.gap IS DISTINCT FROM (
    daily_gaps.conflict
    + daily_gaps.rejected
    + daily_gaps.ambiguous
    + daily_gaps.failed
    + daily_gaps.missing
  )
  OR daily_gaps.gap IS DISTINCT FROM daily_gaps.recoverable + daily_gaps.expired
  OR daily_gaps.accepted IS DISTINCT FROM COALESCE(conversions_per_row.accepted, 0)
  OR daily_gaps.pending IS DISTINCT FROM COALESCE(conversions_per_row.pending, 0)
  OR daily_gaps.unknown IS DISTINCT FROM COALESCE(conversions_per_row.unknown, 0)
  OR daily_gaps.missing IS DISTINCT FROM COALESCE(conversions_per_row.missing, 0)
  OR daily_gaps.failed IS DISTINCT FROM COALESCE(conversions_per_row.failed, 0)
  OR daily_gaps.rejected IS DISTINCT FROM COALESCE(conversions_per_row.rejected, 0)
  OR daily_gaps.ambiguous IS DISTINCT FROM COALESCE(conversions_per_row.ambiguous, 0)
  OR daily_gaps.conflict IS DISTINCT FROM COALESCE(conversions_per_row.conflict, 0)
  OR daily_gaps.suppressed IS DISTINCT FROM COALESCE(conversions_per_row.suppressed, 0)
ORDER BY daily_gaps.destination, daily_gaps.day, daily_gaps.event
