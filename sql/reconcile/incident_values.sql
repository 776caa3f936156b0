-- One row per incident and currency: the value of the conversions that it counts.
--
-- Parameters: $run_id VARCHAR.
-- Reads: incidents (of this run), judged, silences, sendable_conversions.
WITH outage_conversions AS (
  SELECT
    incidents.destination,
    incidents.starts_at,
    incidents.diagnosis,
    judged.currency,
    judged.value
  FROM incidents
  INNER JOIN judged
    ON
      incidents.destination = judged.destination
      AND incidents.starts_at <= judged.arrival
      AND incidents.ends_at > judged.arrival
  WHERE
    incidents.diagnosis = 'delivery_outage'
    AND judged.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
),

silent_conversions AS (
  SELECT
    incidents.destination,
    incidents.starts_at,
    incidents.diagnosis,
    judged.currency,
    judged.value
  FROM incidents
  INNER JOIN silences
    ON
      incidents.destination = silences.destination
      AND incidents.starts_at = silences.starts_at
      AND incidents.ends_at = silences.ends_at
  INNER JOIN sendable_conversions
    ON
      silences.destination = sendable_conversions.destination
      AND silences.stretch = sendable_conversions.stretch
  INNER JOIN judged
    ON
      sendable_conversions.destination = judged.destination
      AND sendable_conversions.event_id = judged.event_id
      AND sendable_conversions.event = judged.event
  WHERE
    incidents.diagnosis = 'receipts_missing'
    AND sendable_conversions.is_attempted = 0
),

counted AS (
  SELECT outage_conversions.*
  FROM outage_conversions
  UNION ALL
  SELECT silent_conversions.*
  FROM silent_conversions
)

SELECT
  $run_id AS run_id,
  counted.destination,
  counted.starts_at,
  counted.diagnosis,
  counted.currency,
  SUM(counted.value) AS value
FROM counted
WHERE counted.value IS NOT NULL
GROUP BY counted.destination, counted.starts_at, counted.diagnosis, counted.currency
ORDER BY counted.destination, counted.starts_at, counted.diagnosis, counted.currency
