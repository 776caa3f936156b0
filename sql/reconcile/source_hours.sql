-- One row per source and hour (UTC, by arrival) with events: how many occurrences arrived.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: event_segments (one row per archived event occurrence, with `arrival_hour`, UTC).
SELECT
  event_segments.source,
  event_segments.arrival_hour AS hour,
  COUNT(*) AS occurrences
FROM event_segments
WHERE event_segments.arrival <= $as_of
GROUP BY event_segments.source, event_segments.arrival_hour
