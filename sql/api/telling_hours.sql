-- One row per destination and hour that tells whether its API is failing, and whether it is.
--
-- An hour with at least `min_attempts` attempts tells. It is bad when its ratio is more than
-- `max_drop` below the baseline, or below 0.5 where there is none. The running hour can only be
-- bad: it is not whole; with fewer attempts it is judged together with the newest hour that tells.
-- Smaller whole hours after one that tells can only be good: where they together have
-- `min_attempts` and are not bad, so that an outage ends also where only its retries made hours
-- that tell.
-- Where the feed lists failures only, an hour is bad with at least `min_attempts` failures, and
-- more than three times the baseline's; it is judged only where there is one. Each other whole
-- hour before the newest attempt is good, also one without a row: the feed was alive after it.
--
-- Parameters: $as_of TIMESTAMPTZ (later hours are ignored), $judged_from TIMESTAMPTZ (earlier ones
-- too: they are baseline only).
-- Reads: api_performance, api_settings.
-- Source: docs/nightly.md, watch; three times: our choice.
WITH hours AS (
  SELECT
    api_performance.destination,
    api_performance.hour,
    api_performance.attempts,
    api_performance.accepted,
    api_performance.throttled,
    api_performance.baseline_ratio,
    api_performance.baseline_failures,
    api_settings.reports,
    api_settings.min_attempts,
    api_settings.max_drop,
    api_performance.hour = DATE_TRUNC('hour', $as_of) AS is_running
  FROM api_performance
  INNER JOIN api_settings
    ON api_performance.destination = api_settings.destination
  WHERE api_performance.hour <= $as_of AND api_performance.hour >= $judged_from
),

whole_hours AS (
  SELECT
    hours.*,
    COUNT(*) FILTER (WHERE hours.attempts >= hours.min_attempts) OVER (
      PARTITION BY hours.destination
      ORDER BY hours.hour
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS telling_so_far
  FROM hours
  WHERE NOT hours.is_running
),

summed_small_hours AS (
  SELECT
    whole_hours.*,
    SUM(whole_hours.attempts) OVER small_hours AS judged_attempts,
    SUM(whole_hours.accepted) OVER small_hours AS judged_accepted
  FROM whole_hours
  WHERE whole_hours.attempts < whole_hours.min_attempts
  WINDOW small_hours AS (
    PARTITION BY whole_hours.destination, whole_hours.telling_so_far
    ORDER BY whole_hours.hour
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
),

telling_whole_hours AS (
  SELECT
    whole_hours.destination,
    whole_hours.hour,
    whole_hours.attempts,
    whole_hours.accepted,
    whole_hours.baseline_ratio
  FROM whole_hours
  WHERE whole_hours.attempts >= whole_hours.min_attempts
  UNION ALL
  SELECT
    summed_small_hours.destination,
    summed_small_hours.hour,
    summed_small_hours.judged_attempts AS attempts,
    summed_small_hours.judged_accepted AS accepted,
    summed_small_hours.baseline_ratio
  FROM summed_small_hours
  WHERE summed_small_hours.judged_attempts >= summed_small_hours.min_attempts
),

newest_whole_hours AS (
  SELECT telling_whole_hours.*
  FROM telling_whole_hours
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY telling_whole_hours.destination ORDER BY telling_whole_hours.hour DESC
    ) = 1
),

rated_hours AS (
  SELECT
    hours.destination,
    hours.hour,
    hours.is_running,
    FALSE AS is_small,
    hours.attempts,
    hours.accepted,
    hours.throttled,
    hours.baseline_ratio,
    hours.baseline_failures,
    hours.max_drop,
    hours.attempts AS judged_attempts,
    hours.accepted AS judged_accepted,
    hours.baseline_ratio AS judged_baseline
  FROM hours
  WHERE hours.reports <> 'failures' AND hours.attempts >= hours.min_attempts
  UNION ALL
  SELECT
    hours.destination,
    hours.hour,
    hours.is_running,
    FALSE AS is_small,
    hours.attempts,
    hours.accepted,
    hours.throttled,
    hours.baseline_ratio,
    hours.baseline_failures,
    hours.max_drop,
    hours.attempts + newest_whole_hours.attempts AS judged_attempts,
    hours.accepted + newest_whole_hours.accepted AS judged_accepted,
    COALESCE(newest_whole_hours.baseline_ratio, hours.baseline_ratio) AS judged_baseline
  FROM hours
  INNER JOIN newest_whole_hours
    ON hours.destination = newest_whole_hours.destination
  WHERE
    hours.reports <> 'failures' AND hours.is_running AND hours.attempts < hours.min_attempts
  UNION ALL
  SELECT
    summed_small_hours.destination,
    summed_small_hours.hour,
    FALSE AS is_running,
    TRUE AS is_small,
    summed_small_hours.attempts,
    summed_small_hours.accepted,
    summed_small_hours.throttled,
    summed_small_hours.baseline_ratio,
    summed_small_hours.baseline_failures,
    summed_small_hours.max_drop,
    summed_small_hours.judged_attempts,
    summed_small_hours.judged_accepted,
    summed_small_hours.baseline_ratio AS judged_baseline
  FROM summed_small_hours
  WHERE
    summed_small_hours.reports <> 'failures'
    AND summed_small_hours.judged_attempts >= summed_small_hours.min_attempts
),

judged_by_ratio AS (
  SELECT
    rated_hours.destination,
    rated_hours.hour,
    rated_hours.is_running,
    rated_hours.is_small,
    rated_hours.attempts,
    rated_hours.attempts - rated_hours.accepted AS failures,
    rated_hours.throttled,
    rated_hours.accepted,
    rated_hours.baseline_ratio,
    rated_hours.baseline_failures,
    CAST(
      CAST(rated_hours.judged_accepted AS DECIMAL(18, 4))
      / CAST(rated_hours.judged_attempts AS DECIMAL(18, 4)) AS DECIMAL(18, 4)
    ) < COALESCE(rated_hours.judged_baseline - rated_hours.max_drop, 0.5) AS is_bad
  FROM rated_hours
),

failure_spans AS (
  SELECT
    hours.destination,
    MIN(hours.hour) AS first_hour,
    MAX(hours.hour) AS newest_hour,
    ANY_VALUE(hours.min_attempts) AS min_attempts
  FROM hours
  WHERE hours.reports = 'failures'
  GROUP BY hours.destination
),

failure_slots AS (
  SELECT
    failure_spans.destination,
    failure_spans.newest_hour,
    failure_spans.min_attempts,
    UNNEST(
      GENERATE_SERIES(failure_spans.first_hour, failure_spans.newest_hour, INTERVAL 1 HOUR)
    ) AS hour
  FROM failure_spans
),

counted_hours AS (
  SELECT
    failure_slots.destination,
    failure_slots.hour,
    failure_slots.newest_hour,
    COALESCE(hours.is_running, FALSE) AS is_running,
    COALESCE(hours.attempts, 0) AS attempts,
    COALESCE(hours.attempts - hours.accepted, 0) AS failures,
    COALESCE(hours.throttled, 0) AS throttled,
    hours.baseline_failures,
    COALESCE(
      hours.attempts - hours.accepted >= failure_slots.min_attempts
      AND hours.attempts - hours.accepted > 3 * hours.baseline_failures,
      FALSE
    ) AS is_bad
  FROM failure_slots
  LEFT JOIN hours
    ON
      failure_slots.destination = hours.destination
      AND failure_slots.hour = hours.hour
)

SELECT
  judged_by_ratio.destination,
  judged_by_ratio.hour,
  judged_by_ratio.attempts,
  judged_by_ratio.failures,
  judged_by_ratio.throttled,
  judged_by_ratio.accepted,
  judged_by_ratio.baseline_ratio,
  judged_by_ratio.baseline_failures,
  judged_by_ratio.is_bad
FROM judged_by_ratio
WHERE
  (judged_by_ratio.is_bad AND NOT judged_by_ratio.is_small)
  OR (NOT judged_by_ratio.is_bad AND NOT judged_by_ratio.is_running)
UNION ALL
SELECT
  counted_hours.destination,
  counted_hours.hour,
  counted_hours.attempts,
  counted_hours.failures,
  counted_hours.throttled,
  NULL AS accepted,
  NULL AS baseline_ratio,
  counted_hours.baseline_failures,
  counted_hours.is_bad
FROM counted_hours
WHERE
  counted_hours.is_bad
  OR (counted_hours.hour < counted_hours.newest_hour AND NOT counted_hours.is_running)
