-- Every second one under another name; all were tried under neither.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 4 MINUTE
FROM RANGE(20) AS numbers (n);

UPDATE conversions SET event = 'AddToCart' WHERE EXTRACT(MINUTE FROM arrival) % 8 = 0;
