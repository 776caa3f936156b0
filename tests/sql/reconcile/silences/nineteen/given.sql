-- One too few, over four days.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 5 HOUR
FROM RANGE(19) AS numbers (n);
