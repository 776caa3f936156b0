-- One row per destination, hour and code of attempts that were not accepted. `share` is its part of
-- all attempts of the hour, where the feed lists those that were accepted too.
--
-- Reads: performance_segments (sums by destination, hour, outcome, code and latency), api_settings
-- (one row per destination).
-- Source: docs/nightly.md, watch.
WITH sums AS (
  SELECT
    performance_segments.destination,
    performance_segments.hour,
    performance_segments.outcome,
    performance_segments.code,
    performance_segments.attempts,
    api_settings.reports,
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
),

hours AS (
  SELECT
    sums.destination,
    sums.hour,
    SUM(sums.attempts) AS attempts
  FROM sums
  GROUP BY sums.destination, sums.hour
),

codes AS (
  SELECT
    sums.destination,
    sums.hour,
    sums.code,
    sums.reports,
    sums.is_throttling,
    CAST(SUM(sums.attempts) AS BIGINT) AS attempts,
    CAST(COALESCE(SUM(sums.attempts) FILTER (WHERE sums.outcome = 'rejected'), 0) AS BIGINT)
      AS rejected,
    CAST(COALESCE(SUM(sums.attempts) FILTER (WHERE sums.outcome = 'failed'), 0) AS BIGINT)
      AS failed,
    CAST(COALESCE(SUM(sums.attempts) FILTER (WHERE sums.outcome = 'unknown'), 0) AS BIGINT)
      AS unknown
  FROM sums
  WHERE sums.outcome <> 'accepted'
  GROUP BY sums.destination, sums.hour, sums.code, sums.reports, sums.is_throttling
)

SELECT
  codes.destination,
  codes.hour,
  codes.code,
  codes.is_throttling,
  codes.attempts,
  codes.rejected,
  codes.failed,
  codes.unknown,
  CASE
    WHEN codes.reports <> 'failures'
      THEN CAST(
        ROUND(
          CAST(codes.attempts AS DECIMAL(18, 4)) / CAST(hours.attempts AS DECIMAL(18, 4)), 4
        ) AS DECIMAL(18, 4)
      )
  END AS share
FROM codes
INNER JOIN hours
  ON
    codes.destination = hours.destination
    AND codes.hour = hours.hour
