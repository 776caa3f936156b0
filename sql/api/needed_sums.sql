-- The sums that judging the hours since an instant takes: those, the weeks before that are their
-- baseline, and each destination's first hour, which says since when there can be one.
--
-- Parameters: $from_hour TIMESTAMPTZ, $as_of TIMESTAMPTZ.
-- Reads: performance_segments.
WITH first_hours AS (
  SELECT
    performance_segments.destination,
    MIN(performance_segments.hour) AS hour
  FROM performance_segments
  GROUP BY performance_segments.destination
)

SELECT
  performance_segments.destination,
  performance_segments.hour,
  performance_segments.outcome,
  performance_segments.code,
  performance_segments.latency_ms,
  performance_segments.attempts
FROM performance_segments
WHERE performance_segments.hour >= $from_hour AND performance_segments.hour <= $as_of
UNION ALL
SELECT
  performance_segments.destination,
  performance_segments.hour,
  performance_segments.outcome,
  performance_segments.code,
  performance_segments.latency_ms,
  performance_segments.attempts
FROM performance_segments
INNER JOIN first_hours
  ON
    performance_segments.destination = first_hours.destination
    AND performance_segments.hour = first_hours.hour
WHERE performance_segments.hour < $from_hour
