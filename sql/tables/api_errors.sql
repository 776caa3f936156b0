-- One row per destination, hour and code of attempts that were not accepted. `share` is its part of
-- all attempts of the hour, where the feed lists those that were accepted too.
--
-- Reads: api_attempts (sums by destination, hour, outcome, code and latency), api_settings (one row
-- per destination).
-- Source: docs/nightly.md, watch.
WITH hours AS (
  SELECT
    api_attempts.destination,
    api_attempts.hour,
    SUM(api_attempts.attempts) AS attempts
  FROM api_attempts
  GROUP BY api_attempts.destination, api_attempts.hour
),

codes AS (
  SELECT
    api_attempts.destination,
    api_attempts.hour,
    api_attempts.code,
    api_attempts.is_throttling,
    CAST(SUM(api_attempts.attempts) AS BIGINT) AS attempts,
    CAST(
      COALESCE(SUM(api_attempts.attempts) FILTER (WHERE api_attempts.outcome = 'rejected'), 0)
      AS BIGINT
    ) AS rejected,
    CAST(
      COALESCE(SUM(api_attempts.attempts) FILTER (WHERE api_attempts.outcome = 'failed'), 0)
      AS BIGINT
    ) AS failed,
    CAST(
      COALESCE(SUM(api_attempts.attempts) FILTER (WHERE api_attempts.outcome = 'unknown'), 0)
      AS BIGINT
    ) AS unknown
  FROM api_attempts
  WHERE api_attempts.outcome <> 'accepted'
  GROUP BY
    api_attempts.destination, api_attempts.hour, api_attempts.code, api_attempts.is_throttling
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
    WHEN api_settings.reports <> 'failures'
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
INNER JOIN api_settings
  ON codes.destination = api_settings.destination
