-- One row per destination and hour in which something was attempted: how the API answered, and how
-- it did in the same hour of the weeks before. An event that was handed to a hub is no attempt at
-- the destination's API; one that an upload sent is. Where the feed lists failures only, nothing is
-- known of what was accepted, and there is no ratio.
--
-- `baseline_ratio` is the median ratio of those of the weeks before that have one, NULL where they
-- are fewer than two; `baseline_failures` that of the attempts that were not accepted, with 0 for a
-- week without any, NULL below two weeks since the destination's first attempt. An hour of the
-- week is 168 hours later the same, in UTC: a change of the clocks moves nothing.
--
-- Reads: api_attempts (sums by destination, hour, outcome, code and latency), api_settings (one row
-- per destination).
-- Source: docs/nightly.md, watch.
WITH hours AS (
  SELECT
    api_attempts.destination,
    api_attempts.hour,
    ANY_VALUE(api_settings.baseline_weeks) AS baseline_weeks,
    CAST(SUM(api_attempts.attempts) AS BIGINT) AS attempts,
    CAST(
      COALESCE(SUM(api_attempts.attempts) FILTER (WHERE api_attempts.outcome = 'accepted'), 0)
      AS BIGINT
    ) AS accepted,
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
    ) AS unknown,
    CAST(
      COALESCE(
        SUM(api_attempts.attempts) FILTER (
          WHERE api_attempts.is_throttling AND api_attempts.outcome <> 'accepted'
        ),
        0
      ) AS BIGINT
    ) AS throttled,
    CASE
      WHEN ANY_VALUE(api_settings.reports) <> 'failures'
        THEN CAST(
          ROUND(
            CAST(
              COALESCE(
                SUM(api_attempts.attempts) FILTER (WHERE api_attempts.outcome = 'accepted'), 0
              ) AS DECIMAL(18, 4)
            )
            / CAST(SUM(api_attempts.attempts) AS DECIMAL(18, 4)),
            4
          ) AS DECIMAL(18, 4)
        )
    END AS acceptance_ratio
  FROM api_attempts
  INNER JOIN api_settings
    ON api_attempts.destination = api_settings.destination
  GROUP BY api_attempts.destination, api_attempts.hour
),

code_counts AS (
  SELECT
    api_attempts.destination,
    api_attempts.hour,
    api_attempts.code,
    SUM(api_attempts.attempts) AS attempts
  FROM api_attempts
  WHERE api_attempts.outcome <> 'accepted'
  GROUP BY api_attempts.destination, api_attempts.hour, api_attempts.code
),

top_codes AS (
  SELECT
    code_counts.destination,
    code_counts.hour,
    code_counts.code
  FROM code_counts
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY code_counts.destination, code_counts.hour
      ORDER BY code_counts.attempts DESC, code_counts.code ASC NULLS LAST
    ) = 1
),

latency_counts AS (
  SELECT
    api_attempts.destination,
    api_attempts.hour,
    api_attempts.latency_ms,
    SUM(api_attempts.attempts) AS requests
  FROM api_attempts
  WHERE api_attempts.latency_ms IS NOT NULL
  GROUP BY api_attempts.destination, api_attempts.hour, api_attempts.latency_ms
),

latency_ranks AS (
  SELECT
    latency_counts.destination,
    latency_counts.hour,
    latency_counts.latency_ms,
    SUM(latency_counts.requests) OVER (
      PARTITION BY latency_counts.destination, latency_counts.hour
      ORDER BY latency_counts.latency_ms
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS requests_so_far,
    SUM(latency_counts.requests) OVER (
      PARTITION BY latency_counts.destination, latency_counts.hour
    ) AS requests
  FROM latency_counts
),

latencies AS (
  SELECT
    latency_ranks.destination,
    latency_ranks.hour,
    MIN(latency_ranks.latency_ms) FILTER (
      WHERE 2 * latency_ranks.requests_so_far >= latency_ranks.requests
    ) AS latency_p50_ms,
    MIN(latency_ranks.latency_ms) FILTER (
      WHERE 20 * latency_ranks.requests_so_far >= 19 * latency_ranks.requests
    ) AS latency_p95_ms
  FROM latency_ranks
  GROUP BY latency_ranks.destination, latency_ranks.hour
),

first_hours AS (
  SELECT
    hours.destination,
    MIN(hours.hour) AS first_hour
  FROM hours
  GROUP BY hours.destination
),

weeks AS (
  SELECT UNNEST(GENERATE_SERIES(1, MAX(api_settings.baseline_weeks))) AS week
  FROM api_settings
),

weeks_before AS (
  SELECT
    hours.destination,
    hours.hour,
    hours.hour - TO_HOURS(168 * weeks.week) AS hour_before
  FROM hours
  INNER JOIN weeks
    ON hours.baseline_weeks >= weeks.week
  INNER JOIN first_hours
    ON
      hours.destination = first_hours.destination
      AND hours.hour - TO_HOURS(168 * weeks.week) >= first_hours.first_hour
),

baselines AS (
  SELECT
    weeks_before.destination,
    weeks_before.hour,
    CASE
      WHEN COUNT(hours.acceptance_ratio) >= 2
        THEN CAST(ROUND(MEDIAN(hours.acceptance_ratio), 4) AS DECIMAL(18, 4))
    END AS baseline_ratio,
    CASE
      WHEN COUNT(*) >= 2
        THEN CAST(MEDIAN(COALESCE(hours.attempts - hours.accepted, 0)) AS DECIMAL(18, 1))
    END AS baseline_failures
  FROM weeks_before
  LEFT JOIN hours
    ON
      weeks_before.destination = hours.destination
      AND weeks_before.hour_before = hours.hour
  GROUP BY weeks_before.destination, weeks_before.hour
)

SELECT
  hours.destination,
  hours.hour,
  hours.attempts,
  hours.accepted,
  hours.rejected,
  hours.failed,
  hours.unknown,
  hours.throttled,
  hours.acceptance_ratio,
  baselines.baseline_ratio,
  baselines.baseline_failures,
  top_codes.code AS top_code,
  latencies.latency_p50_ms,
  latencies.latency_p95_ms
FROM hours
LEFT JOIN baselines
  ON
    hours.destination = baselines.destination
    AND hours.hour = baselines.hour
LEFT JOIN top_codes
  ON
    hours.destination = top_codes.destination
    AND hours.hour = top_codes.hour
LEFT JOIN latencies
  ON
    hours.destination = latencies.destination
    AND hours.hour = latencies.hour
