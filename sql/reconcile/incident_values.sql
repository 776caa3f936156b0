-- One row per incident and currency: the value of the conversions that it counts.
--
-- Parameters: $run_id VARCHAR.
-- Reads: incidents (of this run), incident_conversions.
WITH counted AS (
  SELECT
    incidents.destination,
    incidents.starts_at,
    incidents.diagnosis,
    incidents.source,
    incidents.code,
    incident_conversions.currency,
    incident_conversions.value
  FROM incidents
  INNER JOIN incident_conversions
    ON
      incidents.destination = incident_conversions.destination
      AND incidents.diagnosis = incident_conversions.diagnosis
      AND incidents.starts_at = incident_conversions.starts_at
      AND incident_conversions.incident_code IN ('', incidents.code)
  WHERE incident_conversions.value IS NOT NULL
)

SELECT
  $run_id AS run_id,
  counted.destination,
  counted.starts_at,
  counted.diagnosis,
  counted.source,
  counted.code,
  counted.currency,
  SUM(counted.value) AS value
FROM counted
GROUP BY
  counted.destination,
  counted.starts_at,
  counted.diagnosis,
  counted.source,
  counted.code,
  counted.currency
ORDER BY counted.destination, counted.starts_at, counted.diagnosis, counted.code, counted.currency
