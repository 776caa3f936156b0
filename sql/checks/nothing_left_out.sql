-- One row per destination, account day and event name for which the daily gap does not count every
-- conversion of the range once, or every unarchived match key. No row: the check holds.
--
-- Parameters: $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: daily_gaps (of one run), conversions, unarchived.
WITH counts AS (
  SELECT
    daily_gaps.destination,
    daily_gaps.day,
    daily_gaps.event,
    daily_gaps.expected + daily_gaps.suppressed AS conversions,
    daily_gaps.unarchived
  FROM daily_gaps
  UNION ALL
  SELECT
    conversions.destination,
    conversions.account_day AS day,
    conversions.event,
    -COUNT(*) AS conversions,
    0 AS unarchived
  FROM conversions
  GROUP BY conversions.destination, conversions.account_day, conversions.event
  UNION ALL
  SELECT
    unarchived.destination,
    unarchived.account_day AS day,
    unarchived.event,
    0 AS conversions,
    -COUNT(*) AS unarchived
  FROM unarchived
  GROUP BY unarchived.destination, unarchived.account_day, unarchived.event
)

SELECT
  counts.destination,
  counts.day,
  counts.event,
  SUM(counts.conversions) AS conversions_too_many,
  SUM(counts.unarchived) AS unarchived_too_many
FROM counts
WHERE
  counts.day >= COALESCE($from_day, counts.day)
  AND counts.day <= COALESCE($to_day, counts.day)
GROUP BY counts.destination, counts.day, counts.event
HAVING
  SUM(counts.conversions) <> 0
  OR SUM(counts.unarchived) <> 0
ORDER BY counts.destination, counts.day, counts.event
