-- Twenty, and between them one that is suppressed (though tried) and one without an id.
INSERT INTO conversions (event_id, arrival, suppressed_reason)
VALUES ('off', TIMESTAMPTZ '2026-01-15 12:30:01+00', 'integration_off'),
(NULL, TIMESTAMPTZ '2026-01-15 12:40:01+00', NULL);

INSERT INTO attempted_names (event_id) VALUES ('off');

INSERT INTO conversions (event_id, arrival)
SELECT
  'm' || n,
  TIMESTAMPTZ '2026-01-15 12:00:00+00' + n * INTERVAL 4 MINUTE
FROM RANGE(20) AS numbers (n);
