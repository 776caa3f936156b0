-- One row per destination, account day and destination event name that has a conversion or a total,
-- for destinations with totals: what was expected beside what the hub or the destination counted.
-- Of several reports of one count the last by the instant holds; of several of one time, the one in
-- the file that was modified last. A total without an event name
-- stands under `(all)`, beside the sum over the day's names. The difference is to what the
-- destination received, where it says so: that the hub delivered is no acceptance. It cannot be
-- attributed to single events.
--
-- Parameters: $run_id VARCHAR, $as_of TIMESTAMPTZ, $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: daily_gaps (of this run), receipt_totals (one row per reported count), inbound_files (one
-- row per imported content), destinations, account_zones.
-- Source: docs/reconciliation.md, totals.
WITH reported_totals AS (
  SELECT
    receipt_totals.destination,
    receipt_totals.account_day AS day,
    COALESCE(receipt_totals.event_name, '(all)') AS event,
    receipt_totals.kind,
    receipt_totals.count
  FROM receipt_totals
  LEFT JOIN inbound_files
    ON
      receipt_totals.file_id = inbound_files.file_id
      AND receipt_totals.destination = inbound_files.destination
      AND inbound_files.kind = 'totals'
  WHERE
    COALESCE(receipt_totals.reported_at <= $as_of, TRUE)
    AND receipt_totals.account_day >= COALESCE($from_day, receipt_totals.account_day)
    AND receipt_totals.account_day <= COALESCE($to_day, receipt_totals.account_day)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY
      receipt_totals.destination,
      receipt_totals.account_day,
      COALESCE(receipt_totals.event_name, '(all)'),
      receipt_totals.kind
    ORDER BY
      receipt_totals.reported_at DESC NULLS LAST,
      inbound_files.modified_at DESC NULLS LAST,
      receipt_totals.file_id DESC,
      receipt_totals.record_number DESC
  ) = 1
),

totals AS (
  SELECT
    reported_totals.destination,
    reported_totals.day,
    reported_totals.event,
    MAX(reported_totals.count) FILTER (WHERE reported_totals.kind = 'delivered') AS delivered,
    MAX(reported_totals.count) FILTER (WHERE reported_totals.kind = 'received') AS received,
    MAX(reported_totals.count) FILTER (WHERE reported_totals.kind = 'attributed') AS attributed
  FROM reported_totals
  GROUP BY reported_totals.destination, reported_totals.day, reported_totals.event
),

telling_destinations AS (
  SELECT destinations.destination
  FROM destinations
  WHERE
    destinations.reports = 'totals'
    OR EXISTS (
      SELECT 1
      FROM totals
      WHERE totals.destination = destinations.destination
    )
),

expected_counts AS (
  SELECT
    daily_gaps.destination,
    daily_gaps.day,
    daily_gaps.event,
    daily_gaps.expected,
    daily_gaps.pending
  FROM daily_gaps
  INNER JOIN telling_destinations
    ON daily_gaps.destination = telling_destinations.destination
  UNION ALL
  SELECT
    daily_gaps.destination,
    daily_gaps.day,
    '(all)' AS event,
    SUM(daily_gaps.expected) AS expected,
    SUM(daily_gaps.pending) AS pending
  FROM daily_gaps
  GROUP BY daily_gaps.destination, daily_gaps.day
),

aligned AS (
  SELECT
    COALESCE(totals.destination, expected_counts.destination) AS destination,
    COALESCE(totals.day, expected_counts.day) AS day,
    COALESCE(totals.event, expected_counts.event) AS event,
    CAST(COALESCE(expected_counts.expected, 0) AS BIGINT) AS expected,
    CAST(COALESCE(expected_counts.pending, 0) AS BIGINT) AS pending,
    totals.delivered,
    totals.received,
    totals.attributed
  FROM totals
  FULL OUTER JOIN expected_counts
    ON
      totals.destination = expected_counts.destination
      AND totals.day = expected_counts.day
      AND totals.event = expected_counts.event
  WHERE
    totals.destination IS NOT NULL
    OR (expected_counts.event <> '(all)' AND expected_counts.expected > 0)
),

compared AS (
  SELECT
    aligned.*,
    CASE
      WHEN aligned.received IS NOT NULL THEN 'received'
      WHEN aligned.delivered IS NOT NULL THEN 'delivered'
    END AS compared_with,
    aligned.expected - aligned.pending - COALESCE(aligned.received, aligned.delivered)
      AS difference,
    destinations.totals_tolerance * (aligned.expected - aligned.pending) AS tolerance,
    destinations.min_gap,
    destinations.account_timezone,
    destinations.provisional_after
  FROM aligned
  INNER JOIN destinations
    ON aligned.destination = destinations.destination
)

SELECT
  $run_id AS run_id,
  compared.destination,
  compared.day,
  compared.event,
  compared.expected,
  compared.pending,
  compared.delivered,
  compared.received,
  compared.attributed,
  compared.compared_with,
  compared.difference,
  CAST(compared.tolerance AS DECIMAL(38, 18)) AS tolerance,
  COALESCE(
    compared.difference > compared.tolerance AND compared.difference >= compared.min_gap, FALSE
  ) AS is_over_tolerance,
  $as_of < (CAST(compared.day AS TIMESTAMP) + INTERVAL 1 DAY)
  AT TIME ZONE account_zones.account_timezone + compared.provisional_after AS provisional
FROM compared
INNER JOIN account_zones
  ON
    compared.destination = account_zones.destination
    AND (CAST(compared.day AS TIMESTAMP) + INTERVAL 1 DAY)
    AT TIME ZONE compared.account_timezone >= account_zones.starts_at
    AND (CAST(compared.day AS TIMESTAMP) + INTERVAL 1 DAY)
    AT TIME ZONE compared.account_timezone < account_zones.ends_at
ORDER BY compared.destination, compared.day, compared.event
