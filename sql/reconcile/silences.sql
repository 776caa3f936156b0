-- One row per silence of a feed: 20 or more consecutive conversions of a destination, by
-- arrival, none of whose event ids has an attempt, the first and the last an hour apart or more.
-- Suppressed and keyless conversions are left out. `starts_at` and `ends_at` are the arrivals of
-- the first and the last.
--
-- Reads: sendable_conversions.
-- Source: DESIGN §4.
SELECT
  sendable_conversions.destination,
  sendable_conversions.stretch,
  MIN(sendable_conversions.arrival) AS starts_at,
  MAX(sendable_conversions.arrival) AS ends_at,
  COUNT(*) AS conversions
FROM sendable_conversions
WHERE sendable_conversions.is_attempted = 0
GROUP BY sendable_conversions.destination, sendable_conversions.stretch
HAVING
  COUNT(*) >= 20
  AND MAX(sendable_conversions.arrival) - MIN(sendable_conversions.arrival) >= INTERVAL 1 HOUR
