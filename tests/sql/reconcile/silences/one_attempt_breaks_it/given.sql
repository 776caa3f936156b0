-- Of 39, the one in the middle was tried: 19 on either side.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 1 HOUR
FROM RANGE(39) AS numbers (n);

INSERT INTO attempted_names (event_id) VALUES ('m19');
