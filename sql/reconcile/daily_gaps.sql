-- One row per destination, account day and destination event name: the counts of each status,
-- zeros included, with `expected = accepted + pending + unknown + gap` and
-- `gap = conflict + rejected + ambiguous + failed + missing`.
--
-- `recoverable` and `expired` divide the gap by the deadline; `backfill_deadline` is the first
-- deadline of what is recoverable. A day is provisional when it ended less than
-- `provisional_after` before the instant, by the zone that held at that midnight.
--
-- Parameters: $run_id VARCHAR, $as_of TIMESTAMPTZ.
-- Reads: report_days, reconciliation (of this run), unarchived, destinations,
-- account_zones.
WITH counted AS (
  SELECT
    reconciliation.destination,
    reconciliation.account_day,
    reconciliation.event,
    COUNT(*) FILTER (WHERE reconciliation.status = 'accepted') AS accepted,
    COUNT(*) FILTER (WHERE reconciliation.status = 'pending') AS pending,
    COUNT(*) FILTER (WHERE reconciliation.status = 'unknown') AS unknown,
    COUNT(*) FILTER (WHERE reconciliation.status = 'missing') AS missing,
    COUNT(*) FILTER (WHERE reconciliation.status = 'failed') AS failed,
    COUNT(*) FILTER (WHERE reconciliation.status = 'rejected') AS rejected,
    COUNT(*) FILTER (WHERE reconciliation.status = 'ambiguous') AS ambiguous,
    COUNT(*) FILTER (WHERE reconciliation.status = 'conflict') AS conflict,
    COUNT(*) FILTER (WHERE reconciliation.status = 'suppressed') AS suppressed,
    COUNT(*) FILTER (
      WHERE
      reconciliation.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
      AND reconciliation.backfill_deadline < $as_of
    ) AS expired,
    MIN(reconciliation.backfill_deadline) FILTER (
      WHERE
      reconciliation.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
      AND reconciliation.backfill_deadline >= $as_of
    ) AS backfill_deadline
  FROM reconciliation
  GROUP BY reconciliation.destination, reconciliation.account_day, reconciliation.event
),

unarchived_counts AS (
  SELECT
    unarchived.destination,
    unarchived.account_day,
    unarchived.event,
    COUNT(*) AS unarchived
  FROM unarchived
  GROUP BY unarchived.destination, unarchived.account_day, unarchived.event
),

aligned AS (
  SELECT
    report_days.destination,
    report_days.account_day AS day,
    report_days.event,
    COALESCE(counted.accepted, 0) AS accepted,
    COALESCE(counted.pending, 0) AS pending,
    COALESCE(counted.unknown, 0) AS unknown,
    COALESCE(counted.missing, 0) AS missing,
    COALESCE(counted.failed, 0) AS failed,
    COALESCE(counted.rejected, 0) AS rejected,
    COALESCE(counted.ambiguous, 0) AS ambiguous,
    COALESCE(counted.conflict, 0) AS conflict,
    COALESCE(counted.suppressed, 0) AS suppressed,
    COALESCE(unarchived_counts.unarchived, 0) AS unarchived,
    COALESCE(counted.expired, 0) AS expired,
    counted.backfill_deadline,
    $as_of < (CAST(report_days.account_day AS TIMESTAMP) + INTERVAL 1 DAY)
    AT TIME ZONE account_zones.account_timezone + destinations.provisional_after AS provisional
  FROM report_days
  INNER JOIN destinations
    ON report_days.destination = destinations.destination
  INNER JOIN account_zones
    ON
      report_days.destination = account_zones.destination
      AND (CAST(report_days.account_day AS TIMESTAMP) + INTERVAL 1 DAY)
      AT TIME ZONE destinations.account_timezone >= account_zones.starts_at
      AND (CAST(report_days.account_day AS TIMESTAMP) + INTERVAL 1 DAY)
      AT TIME ZONE destinations.account_timezone < account_zones.ends_at
  LEFT JOIN counted
    ON
      report_days.destination = counted.destination
      AND report_days.account_day = counted.account_day
      AND report_days.event = counted.event
  LEFT JOIN unarchived_counts
    ON
      report_days.destination = unarchived_counts.destination
      AND report_days.account_day = unarchived_counts.account_day
      AND report_days.event = unarchived_counts.event
),

gapped AS (
  SELECT
    aligned.*,
    aligned.conflict + aligned.rejected + aligned.ambiguous + aligned.failed + aligned.missing
      AS gap
  FROM aligned
)

SELECT
  $run_id AS run_id,
  gapped.destination,
  gapped.day,
  gapped.event,
  gapped.accepted + gapped.pending + gapped.unknown + gapped.gap AS expected,
  gapped.accepted,
  gapped.pending,
  gapped.unknown,
  gapped.gap,
  gapped.missing,
  gapped.failed,
  gapped.rejected,
  gapped.ambiguous,
  gapped.conflict,
  gapped.suppressed,
  gapped.unarchived,
  gapped.gap - gapped.expired AS recoverable,
  gapped.expired,
  gapped.backfill_deadline,
  gapped.provisional
FROM gapped
ORDER BY gapped.destination, gapped.day, gapped.event
