-- One row per daily total that does not stand beside the daily gap's own figures, or whose
-- difference is not the one between them. No row: the check holds.
--
-- Reads: daily_totals, daily_gaps (of one run).
WITH expected_counts AS (
  SELECT
    daily_gaps.destination,
    daily_gaps.day,
    daily_gaps.event,
    daily_gaps.expected,
    daily_gaps.pending
  FROM daily_gaps
  UNION ALL
  SELECT
    daily_gaps.destination,
    daily_gaps.day,
    '(all)' AS event,
    SUM(daily_gaps.expected) AS expected,
    SUM(daily_gaps.pending) AS pending
  FROM daily_gaps
  GROUP BY daily_gaps.destination, daily_gaps.day
)

SELECT
  daily_totals.destination,
  daily_totals.day,
  daily_totals.event,
  daily_totals.expected,
  expected_counts.expected AS conversions
FROM daily_totals
LEFT JOIN expected_counts
  ON
    daily_totals.destination = expected_counts.destination
    AND daily_totals.day = expected_counts.day
    AND daily_totals.event = expected_counts.event
WHERE
  daily_totals.expected IS DISTINCT FROM COALESCE(expected_counts.expected, 0)
  OR daily_totals.pending IS DISTINCT FROM COALESCE(expected_counts.pending, 0)
  OR daily_totals.difference IS DISTINCT FROM (
    daily_totals.expected
    - daily_totals.pending
    - COALESCE(daily_totals.received, daily_totals.delivered)
  )
ORDER BY daily_totals.destination, daily_totals.day, daily_totals.event
