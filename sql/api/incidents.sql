-- One row per time in which an API was failing: bad telling hours with no good one between them. It
-- is open where no good one follows. Figures are those of its bad hours; the baseline is the mean
-- of theirs.
--
-- Reads: api_telling_hours, api_errors.
-- Source: docs/nightly.md, watch.
WITH counted_hours AS (
  SELECT
    api_telling_hours.*,
    COUNT(*) FILTER (WHERE NOT api_telling_hours.is_bad) OVER (
      PARTITION BY api_telling_hours.destination
      ORDER BY api_telling_hours.hour
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS good_so_far,
    COUNT(*) FILTER (WHERE NOT api_telling_hours.is_bad) OVER (
      PARTITION BY api_telling_hours.destination
    ) AS good_hours
  FROM api_telling_hours
),

incidents AS (
  SELECT
    counted_hours.destination,
    counted_hours.good_so_far = counted_hours.good_hours AS is_open,
    MIN(counted_hours.hour) AS since,
    MAX(counted_hours.hour) + INTERVAL 1 HOUR AS until,
    CAST(SUM(counted_hours.attempts) AS BIGINT) AS attempts,
    CAST(SUM(counted_hours.failures) AS BIGINT) AS failures,
    CAST(SUM(counted_hours.throttled) AS BIGINT) AS throttled,
    CAST(SUM(counted_hours.accepted) AS BIGINT) AS accepted,
    CAST(AVG(counted_hours.baseline_ratio) AS DECIMAL(18, 4)) AS baseline_ratio,
    CAST(SUM(counted_hours.baseline_failures) AS DECIMAL(18, 1)) AS baseline_failures
  FROM counted_hours
  WHERE counted_hours.is_bad
  GROUP BY counted_hours.destination, counted_hours.good_so_far, counted_hours.good_hours
),

codes AS (
  SELECT
    incidents.destination,
    incidents.since,
    api_errors.code,
    SUM(api_errors.attempts) AS attempts
  FROM incidents
  INNER JOIN api_errors
    ON
      incidents.destination = api_errors.destination
      AND incidents.since <= api_errors.hour
      AND incidents.until > api_errors.hour
  GROUP BY incidents.destination, incidents.since, api_errors.code
),

top_codes AS (
  SELECT
    codes.destination,
    codes.since,
    codes.code
  FROM codes
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY codes.destination, codes.since
      ORDER BY codes.attempts DESC, codes.code ASC NULLS LAST
    ) = 1
)

SELECT
  incidents.destination,
  incidents.since,
  incidents.until,
  incidents.is_open,
  incidents.attempts,
  incidents.failures,
  incidents.throttled,
  CAST(
    ROUND(
      CAST(incidents.accepted AS DECIMAL(18, 4))
      / CAST(incidents.attempts AS DECIMAL(18, 4)),
      4
    ) AS DECIMAL(18, 4)
  ) AS ratio,
  incidents.baseline_ratio,
  incidents.baseline_failures,
  top_codes.code AS top_code
FROM incidents
LEFT JOIN top_codes
  ON
    incidents.destination = top_codes.destination
    AND incidents.since = top_codes.since
ORDER BY incidents.destination, incidents.since
