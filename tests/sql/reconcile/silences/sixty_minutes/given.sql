-- 21 conversions, exactly an hour from first to last.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 3 MINUTE
FROM RANGE(21) AS numbers (n);
