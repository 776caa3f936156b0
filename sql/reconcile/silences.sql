-- One row per silence of a feed: 20 or more consecutive conversions of a destination, by
-- arrival, none of whose event ids has an attempt, the first and the last an hour apart or more.
-- Suppressed and keyless conversions are left out. `starts_at` and `ends_at` are the arrivals of
-- the first and the last.
--
-- Reads: conversions, attempted_ids.
-- Source: DESIGN §4.
WITH sendable AS (
  SELECT
    conversions.destination,
    conversions.event_id,
    conversions.event,
    conversions.arrival,
    CASE WHEN attempted_ids.event_id IS NULL THEN 0 ELSE 1 END AS is_attempted
  FROM conversions
  LEFT JOIN attempted_ids
    ON
      conversions.destination = attempted_ids.destination
      AND conversions.event_id = attempted_ids.event_id
  WHERE
    conversions.suppressed_reason IS NULL
    AND conversions.event_id IS NOT NULL
),

stretches AS (
  SELECT
    sendable.destination,
    sendable.arrival,
    sendable.is_attempted,
    SUM(sendable.is_attempted) OVER (
      PARTITION BY sendable.destination
      ORDER BY sendable.arrival, sendable.event_id, sendable.event
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
  FROM sendable
)

SELECT
  stretches.destination,
  MIN(stretches.arrival) AS starts_at,
  MAX(stretches.arrival) AS ends_at,
  COUNT(*) AS conversions
FROM stretches
WHERE stretches.is_attempted = 0
GROUP BY stretches.destination, stretches.stretch
HAVING
  COUNT(*) >= 20
  AND MAX(stretches.arrival) - MIN(stretches.arrival) >= INTERVAL 1 HOUR
