-- One row per incident, and per incident and currency, whose number or value differs from the
-- conversions that it counts. No row: the check holds.
--
-- Reads: incidents, incident_values (of one run), incident_conversions.
WITH kept_incidents AS (
  SELECT
    incidents.destination,
    incidents.starts_at,
    incidents.diagnosis,
    CASE WHEN incidents.diagnosis = 'rejections' THEN incidents.code ELSE '' END AS code,
    SUM(incidents.conversions) AS conversions
  FROM incidents
  GROUP BY
    incidents.destination,
    incidents.starts_at,
    incidents.diagnosis,
    CASE WHEN incidents.diagnosis = 'rejections' THEN incidents.code ELSE '' END
),

counted AS (
  SELECT
    incident_conversions.destination,
    incident_conversions.starts_at,
    incident_conversions.diagnosis,
    incident_conversions.incident_code AS code,
    incident_conversions.currency,
    COUNT(*) AS conversions,
    SUM(incident_conversions.value) AS value
  FROM incident_conversions
  INNER JOIN kept_incidents
    ON
      incident_conversions.destination = kept_incidents.destination
      AND incident_conversions.starts_at = kept_incidents.starts_at
      AND incident_conversions.diagnosis = kept_incidents.diagnosis
      AND incident_conversions.incident_code = kept_incidents.code
  GROUP BY
    incident_conversions.destination,
    incident_conversions.starts_at,
    incident_conversions.diagnosis,
    incident_conversions.incident_code,
    incident_conversions.currency
),

amounts AS (
  SELECT
    kept_incidents.destination,
    kept_incidents.starts_at,
    kept_incidents.diagnosis,
    kept_incidents.code,
    NULL AS currency,
    CAST(kept_incidents.conversions AS DECIMAL(38, 18)) AS too_much
  FROM kept_incidents
  UNION ALL
  SELECT
    counted.destination,
    counted.starts_at,
    counted.diagnosis,
    counted.code,
    NULL AS currency,
    CAST(-counted.conversions AS DECIMAL(38, 18)) AS too_much
  FROM counted
  UNION ALL
  SELECT
    incident_values.destination,
    incident_values.starts_at,
    incident_values.diagnosis,
    CASE WHEN incident_values.diagnosis = 'rejections' THEN incident_values.code ELSE '' END
      AS code,
    incident_values.currency,
    incident_values.value AS too_much
  FROM incident_values
  UNION ALL
  SELECT
    counted.destination,
    counted.starts_at,
    counted.diagnosis,
    counted.code,
    counted.currency,
    -counted.value AS too_much
  FROM counted
)

SELECT
  amounts.destination,
  amounts.diagnosis,
  amounts.starts_at,
  amounts.code,
  amounts.currency,
  SUM(amounts.too_much) AS too_much
FROM amounts
GROUP BY
  amounts.destination, amounts.diagnosis, amounts.starts_at, amounts.code, amounts.currency
HAVING SUM(amounts.too_much) <> 0
ORDER BY
  amounts.destination, amounts.diagnosis, amounts.starts_at, amounts.code, amounts.currency
