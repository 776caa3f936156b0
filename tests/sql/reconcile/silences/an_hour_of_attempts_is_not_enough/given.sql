-- An hour lies between the attempts, but not between the first and the last silent one.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:01+00' + n * INTERVAL 179 SECOND
FROM RANGE(21) AS numbers (n);

INSERT INTO conversions (event_id, arrival)
VALUES ('before', TIMESTAMPTZ '2026-01-15 12:00:00+00'),
('after', TIMESTAMPTZ '2026-01-15 13:00:00+00');

INSERT INTO outcomes (event_id) VALUES ('before'), ('after');
