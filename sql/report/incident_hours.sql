-- One row per strip, hour (UTC) of the arrival and status: the conversions around an incident.
--
-- A strip is the time around an incident; one with a source has that source's conversions only.
--
-- Reads: reconciliation (of the run), strips (one row per strip: its number, destination, source or
-- NULL, starts_at, ends_at, exclusive).
-- Source: docs/reconciliation.md, incidents: by hour of the arrival.
WITH in_strips AS (
  SELECT
    strips.strip,
    DATE_TRUNC('hour', reconciliation.arrival) AS hour,
    reconciliation.status
  FROM strips
  INNER JOIN reconciliation
    ON
      strips.destination = reconciliation.destination
      AND strips.starts_at <= reconciliation.arrival
      AND strips.ends_at > reconciliation.arrival
      AND COALESCE(strips.source = reconciliation.source, TRUE)
)

SELECT
  in_strips.strip,
  in_strips.hour,
  in_strips.status,
  COUNT(*) AS conversions
FROM in_strips
GROUP BY in_strips.strip, in_strips.hour, in_strips.status
ORDER BY in_strips.strip, in_strips.hour, in_strips.status
