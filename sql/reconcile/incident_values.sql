-- One row per incident and currency: the value of the conversions that it counts.
--
-- Parameters: $run_id VARCHAR.
-- Reads: incidents (of this run), judged.
SELECT
  $run_id AS run_id,
  incidents.destination,
  incidents.starts_at,
  incidents.diagnosis,
  judged.currency,
  SUM(judged.value) AS value
FROM incidents
INNER JOIN judged
  ON
    incidents.destination = judged.destination
    AND incidents.starts_at <= judged.arrival
WHERE
  judged.value IS NOT NULL
  AND (
    (
      incidents.diagnosis = 'delivery_outage'
      AND incidents.ends_at > judged.arrival
      AND judged.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
    )
    OR (
      incidents.diagnosis = 'receipts_missing'
      AND incidents.ends_at >= judged.arrival
      AND judged.status <> 'suppressed'
      AND judged.event_id IS NOT NULL
      AND judged.attempts = 0
    )
  )
GROUP BY
  incidents.destination,
  incidents.starts_at,
  incidents.diagnosis,
  judged.currency
ORDER BY
  incidents.destination,
  incidents.starts_at,
  incidents.diagnosis,
  judged.currency
