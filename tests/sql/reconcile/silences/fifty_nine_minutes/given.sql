-- 60 conversions in 59 minutes.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 1 MINUTE
FROM RANGE(60) AS numbers (n);
