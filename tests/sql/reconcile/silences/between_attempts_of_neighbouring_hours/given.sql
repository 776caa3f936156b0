-- An hour from first to last, and attempts a second before and after it.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:01+00' + n * INTERVAL 3 MINUTE
FROM RANGE(21) AS numbers (n);

INSERT INTO conversions (event_id, arrival)
VALUES ('before', TIMESTAMPTZ '2026-01-15 12:00:00+00'),
('after', TIMESTAMPTZ '2026-01-15 13:00:02+00');

INSERT INTO outcomes (event_id) VALUES ('before'), ('after');
