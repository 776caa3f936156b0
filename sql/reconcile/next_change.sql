-- One row: the first instant after this run's at which the same inputs can give another answer: a
-- conversion settles, a deadline passes, a day stops being provisional, an hour of a source becomes
-- old enough to be judged, or something comes to lie in the past that is dated in the future. NULL:
-- there is none.
--
-- It is no figure, and no part of the run's tables: a run that it does not reach is not made again.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: judged, daily_gaps, daily_totals, source_hours, destinations, account_zones,
-- destination_sources, event_segments, receipts, receipt_totals.
-- Source: docs/nightly.md, Nothing new.
WITH provisional_days AS (
  SELECT
    daily_gaps.destination,
    daily_gaps.day
  FROM daily_gaps
  WHERE daily_gaps.provisional
  UNION
  SELECT
    daily_totals.destination,
    daily_totals.day
  FROM daily_totals
  WHERE daily_totals.provisional
),

weeks AS (
  SELECT UNNEST([7, 14, 21, 28]) AS days
),

instants AS (
  SELECT MIN(judged.arrival + destinations.retry_window) AS instant
  FROM judged
  INNER JOIN destinations
    ON judged.destination = destinations.destination
  WHERE NOT judged.is_settled
  UNION ALL
  SELECT MIN(judged.backfill_deadline) AS instant
  FROM judged
  WHERE
    judged.backfill_deadline >= $as_of
    AND judged.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
  UNION ALL
  SELECT
    MIN(
      (CAST(provisional_days.day AS TIMESTAMP) + INTERVAL 1 DAY)
      AT TIME ZONE account_zones.account_timezone + destinations.provisional_after
    ) AS instant
  FROM provisional_days
  INNER JOIN destinations
    ON provisional_days.destination = destinations.destination
  INNER JOIN account_zones
    ON
      provisional_days.destination = account_zones.destination
      AND (CAST(provisional_days.day AS TIMESTAMP) + INTERVAL 1 DAY)
      AT TIME ZONE destinations.account_timezone >= account_zones.starts_at
      AND (CAST(provisional_days.day AS TIMESTAMP) + INTERVAL 1 DAY)
      AT TIME ZONE destinations.account_timezone < account_zones.ends_at
  UNION ALL
  SELECT
    MIN(
      source_hours.hour
      + INTERVAL 1 DAY * weeks.days
      + INTERVAL 1 HOUR
      + destination_sources.arrival_lag
    ) AS instant
  FROM source_hours
  CROSS JOIN weeks
  INNER JOIN destination_sources
    ON source_hours.source = destination_sources.source
  WHERE
    source_hours.hour
    + INTERVAL 1 DAY * weeks.days
    + INTERVAL 1 HOUR
    + destination_sources.arrival_lag > $as_of
  UNION ALL
  SELECT MIN(event_segments.arrival) AS instant
  FROM event_segments
  WHERE event_segments.arrival > $as_of
  UNION ALL
  SELECT MIN(receipts.attempted_at) AS instant
  FROM receipts
  WHERE receipts.attempted_at > $as_of
  UNION ALL
  SELECT MIN(receipt_totals.reported_at) AS instant
  FROM receipt_totals
  WHERE receipt_totals.reported_at > $as_of
)

SELECT MIN(instants.instant) AS next_change
FROM instants
