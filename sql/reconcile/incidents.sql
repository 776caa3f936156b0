-- One row per incident: consecutive hours (UTC, by arrival) of gap, or a silence of the feed.
--
-- `delivery_outage`: from the first to the last hour in which fewer than half of the settled,
-- covered conversions were accepted; an hour with fewer than `incident_min` of them neither
-- starts nor ends one; `conversions` counts its gap. `receipts_missing`: a silence for which the
-- user does not wholly vouch (else one stretch of coverage holds it: nothing but vouched ranges,
-- one or several that touch, covers a silence), from the first to the last silent arrival;
-- `conversions` counts those.
-- Only incidents that touch the run's range of account days are kept.
--
-- Parameters: $run_id VARCHAR, $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: judged, silences, coverage, destinations.
-- Source: DESIGN §6.
WITH hours AS (
  SELECT
    judged.destination,
    DATE_TRUNC('hour', judged.arrival) AS hour,
    COUNT(*) FILTER (WHERE judged.status = 'accepted') AS accepted,
    COUNT(*) AS conversions
  FROM judged
  WHERE
    judged.is_settled
    AND judged.is_covered
    AND judged.status NOT IN ('suppressed', 'unknown')
  GROUP BY judged.destination, DATE_TRUNC('hour', judged.arrival)
),

telling_hours AS (
  SELECT
    hours.destination,
    hours.hour,
    CASE WHEN 2 * hours.accepted < hours.conversions THEN 1 ELSE 0 END AS is_bad
  FROM hours
  INNER JOIN destinations
    ON hours.destination = destinations.destination
  WHERE hours.conversions >= destinations.incident_min
),

stretches AS (
  SELECT
    telling_hours.destination,
    telling_hours.hour,
    telling_hours.is_bad,
    SUM(1 - telling_hours.is_bad) OVER (
      PARTITION BY telling_hours.destination
      ORDER BY telling_hours.hour
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
  FROM telling_hours
),

outages AS (
  SELECT
    stretches.destination,
    MIN(stretches.hour) AS starts_at,
    MAX(stretches.hour) + INTERVAL 1 HOUR AS ends_at
  FROM stretches
  WHERE stretches.is_bad = 1
  GROUP BY stretches.destination, stretches.stretch
),

lost_conversions AS (
  SELECT
    outages.destination,
    outages.starts_at,
    COUNT(*) AS conversions
  FROM outages
  INNER JOIN judged
    ON
      outages.destination = judged.destination
      AND outages.starts_at <= judged.arrival
      AND outages.ends_at > judged.arrival
  WHERE judged.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
  GROUP BY outages.destination, outages.starts_at
),

incidents AS (
  SELECT
    outages.destination,
    outages.starts_at,
    outages.ends_at,
    'delivery_outage' AS diagnosis,
    COALESCE(lost_conversions.conversions, 0) AS conversions
  FROM outages
  LEFT JOIN lost_conversions
    ON
      outages.destination = lost_conversions.destination
      AND outages.starts_at = lost_conversions.starts_at
  UNION ALL
  SELECT
    silences.destination,
    silences.starts_at,
    silences.ends_at,
    'receipts_missing' AS diagnosis,
    silences.conversions
  FROM silences
  INNER JOIN destinations
    ON silences.destination = destinations.destination
  WHERE
    destinations.coverage = 'infer'
    AND NOT EXISTS (
      SELECT 1
      FROM coverage
      WHERE
        coverage.destination = silences.destination
        AND coverage.starts_at <= silences.starts_at
        AND coverage.ends_at > silences.ends_at
    )
)

SELECT
  $run_id AS run_id,
  incidents.destination,
  incidents.starts_at,
  incidents.ends_at,
  incidents.diagnosis,
  incidents.conversions
FROM incidents
INNER JOIN destinations
  ON incidents.destination = destinations.destination
WHERE
  (
    $from_day IS NULL
    OR CAST(incidents.ends_at AT TIME ZONE destinations.account_timezone AS DATE) >= $from_day
  )
  AND (
    $to_day IS NULL
    OR CAST(incidents.starts_at AT TIME ZONE destinations.account_timezone AS DATE) <= $to_day
  )
ORDER BY incidents.destination, incidents.starts_at, incidents.diagnosis
