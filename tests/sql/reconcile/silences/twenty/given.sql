-- Twenty conversions without an attempt, 63 minutes from first to last.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 199 SECOND
FROM RANGE(20) AS numbers (n);
