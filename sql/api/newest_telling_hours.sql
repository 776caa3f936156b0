-- One row per destination: the end of the newest hour that tells whether its API is failing.
--
-- Reads: api_telling_hours.
SELECT
  api_telling_hours.destination,
  MAX(api_telling_hours.hour) + INTERVAL 1 HOUR AS ends_at
FROM api_telling_hours
GROUP BY api_telling_hours.destination
