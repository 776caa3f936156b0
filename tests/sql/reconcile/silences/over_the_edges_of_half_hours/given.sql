-- It begins a second before a half hour is over, and ends a second before one is.
INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:29:59+00' + n * INTERVAL 3 MINUTE
FROM RANGE(21) AS numbers (n);

INSERT INTO conversions (event_id, arrival)
VALUES ('before', TIMESTAMPTZ '2026-01-15 12:29:58+00'),
('after', TIMESTAMPTZ '2026-01-15 13:29:59.5+00');

INSERT INTO outcomes (event_id) VALUES ('before'), ('after');
