-- One row per row of the sums: attempts at the destination's API, and whether their code means: too
-- many requests. An event that was handed to a hub is no attempt; one that an upload sent is.
--
-- Reads: performance_segments (sums by destination, hour, outcome, code and latency), api_settings
-- (one row per destination).
-- Source: docs/nightly.md, watch.
SELECT
  performance_segments.destination,
  performance_segments.hour,
  performance_segments.outcome,
  performance_segments.code,
  performance_segments.latency_ms,
  performance_segments.attempts,
  COALESCE(
    LIST_CONTAINS(
      api_settings.throttling_codes, SPLIT_PART(performance_segments.code, '/', 1)
    ),
    FALSE
  ) AS is_throttling
FROM performance_segments
INNER JOIN api_settings
  ON performance_segments.destination = api_settings.destination
WHERE performance_segments.code IS DISTINCT FROM 'handed_to_hub'
