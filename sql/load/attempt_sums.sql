-- One row per destination, hour of the attempts, outcome, code and latency: how many attempts. The
-- latency is that of a request, in milliseconds to two significant digits, where its record is a
-- JSON object that has it under one of the names below; of several the first that is a number.
-- Of the events of one request only the first carries the record, and so the latency.
--
-- Reads: receipts (the attempts that are not summed yet).
-- Source of the names: those that end in a unit say it themselves (high); responseTime, in
-- milliseconds: pino-http (medium); request_time and upstream_response_time, in seconds: the
-- variables of nginx, of which JSON logs mostly keep the names (medium); event.duration, in
-- nanoseconds: Elastic Common Schema (high). A bare `duration` or `elapsed` has no unit that
-- anybody could know, and is not read.
WITH timed_attempts AS (
  SELECT
    receipts.destination,
    receipts.outcome,
    receipts.code,
    DATE_TRUNC('hour', receipts.attempted_at) AS hour,
    CASE
      WHEN
        REGEXP_MATCHES(
          receipts.payload,
          '"(?:(?:latency|duration|elapsed|response_time)_(?:ms|seconds)|responseTime'
          || '|request_time|upstream_response_time|event)"'
        )
        THEN JSON_EXTRACT_STRING(
          TRY_CAST(receipts.payload AS JSON),
          [
            '$.latency_ms',
            '$.duration_ms',
            '$.elapsed_ms',
            '$.response_time_ms',
            '$.responseTime',
            '$.latency_seconds',
            '$.duration_seconds',
            '$.elapsed_seconds',
            '$.response_time_seconds',
            '$.upstream_response_time',
            '$.request_time',
            '$.event.duration'
          ]
        )
    END AS texts
  FROM receipts
),

measured_attempts AS (
  SELECT
    timed_attempts.destination,
    timed_attempts.outcome,
    timed_attempts.code,
    timed_attempts.hour,
    COALESCE(
      TRY_CAST(timed_attempts.texts[1] AS DOUBLE),
      TRY_CAST(timed_attempts.texts[2] AS DOUBLE),
      TRY_CAST(timed_attempts.texts[3] AS DOUBLE),
      TRY_CAST(timed_attempts.texts[4] AS DOUBLE),
      TRY_CAST(timed_attempts.texts[5] AS DOUBLE),
      TRY_CAST(timed_attempts.texts[6] AS DOUBLE) * 1000,
      TRY_CAST(timed_attempts.texts[7] AS DOUBLE) * 1000,
      TRY_CAST(timed_attempts.texts[8] AS DOUBLE) * 1000,
      TRY_CAST(timed_attempts.texts[9] AS DOUBLE) * 1000,
      TRY_CAST(timed_attempts.texts[10] AS DOUBLE) * 1000,
      TRY_CAST(timed_attempts.texts[11] AS DOUBLE) * 1000,
      TRY_CAST(timed_attempts.texts[12] AS DOUBLE) / 1000000
    ) AS exact_ms
  FROM timed_attempts
),

rounded_attempts AS (
  SELECT
    measured_attempts.destination,
    measured_attempts.outcome,
    measured_attempts.code,
    measured_attempts.hour,
    CASE
      WHEN measured_attempts.exact_ms >= 0 AND measured_attempts.exact_ms < 100
        THEN CAST(ROUND(measured_attempts.exact_ms) AS BIGINT)
      WHEN measured_attempts.exact_ms >= 100 AND measured_attempts.exact_ms <= 86400000
        THEN CAST(
          ROUND(
            measured_attempts.exact_ms / POWER(10, FLOOR(LOG10(measured_attempts.exact_ms)) - 1)
          ) * POWER(10, FLOOR(LOG10(measured_attempts.exact_ms)) - 1) AS BIGINT
        )
    END AS latency_ms
  FROM measured_attempts
)

SELECT
  rounded_attempts.destination,
  rounded_attempts.hour,
  rounded_attempts.outcome,
  rounded_attempts.code,
  rounded_attempts.latency_ms,
  COUNT(*) AS attempts
FROM rounded_attempts
GROUP BY
  rounded_attempts.destination,
  rounded_attempts.hour,
  rounded_attempts.outcome,
  rounded_attempts.code,
  rounded_attempts.latency_ms
