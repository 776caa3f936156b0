-- Two silences with one attempt between them, which belongs to neither.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 4 MINUTE
FROM RANGE(20) AS numbers (n);

INSERT INTO conversions (event_id, arrival)
SELECT
  'n' || n,
  TIMESTAMPTZ '2026-01-15 15:00:00+00' + n * INTERVAL 4 MINUTE
FROM RANGE(20) AS numbers (n);

INSERT INTO conversions (event_id, arrival) VALUES ('tried', TIMESTAMPTZ '2026-01-15 14:00:00+00');

INSERT INTO outcomes (event_id) VALUES ('tried');
