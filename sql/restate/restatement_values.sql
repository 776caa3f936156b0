-- One row per account day, destination event name and currency of which a run gives other amounts
-- than the run before it: exact decimals, before and after, 0 where a run has none.
--
-- Parameters: $run_id VARCHAR, $previous_run_id VARCHAR, $destination VARCHAR, $from_day DATE,
-- $to_day DATE (the account days that both have; NULL: no bound).
-- Reads: daily_values, previous_daily_values (of one run each).
WITH current_values AS (
  SELECT daily_values.*
  FROM daily_values
  WHERE
    daily_values.destination = $destination
    AND daily_values.day >= COALESCE($from_day, daily_values.day)
    AND daily_values.day <= COALESCE($to_day, daily_values.day)
),

previous_values AS (
  SELECT previous.*
  FROM previous_daily_values AS previous
  WHERE
    previous.destination = $destination
    AND previous.day >= COALESCE($from_day, previous.day)
    AND previous.day <= COALESCE($to_day, previous.day)
),

aligned AS (
  SELECT
    COALESCE(later.day, earlier.day) AS day,
    COALESCE(later.event, earlier.event) AS event,
    COALESCE(later.currency, earlier.currency) AS currency,
    COALESCE(earlier.expected, 0) AS expected_before,
    COALESCE(later.expected, 0) AS expected,
    COALESCE(earlier.accepted, 0) AS accepted_before,
    COALESCE(later.accepted, 0) AS accepted,
    COALESCE(earlier.gap, 0) AS gap_before,
    COALESCE(later.gap, 0) AS gap
  FROM current_values AS later
  FULL OUTER JOIN previous_values AS earlier
    ON
      later.day = earlier.day
      AND later.event = earlier.event
      AND later.currency = earlier.currency
)

SELECT
  $run_id AS run_id,
  $previous_run_id AS previous_run_id,
  $destination AS destination,
  aligned.day,
  aligned.event,
  aligned.currency,
  CAST(aligned.expected_before AS DECIMAL(38, 18)) AS expected_before,
  CAST(aligned.expected AS DECIMAL(38, 18)) AS expected,
  CAST(aligned.accepted_before AS DECIMAL(38, 18)) AS accepted_before,
  CAST(aligned.accepted AS DECIMAL(38, 18)) AS accepted,
  CAST(aligned.gap_before AS DECIMAL(38, 18)) AS gap_before,
  CAST(aligned.gap AS DECIMAL(38, 18)) AS gap
FROM aligned
WHERE
  aligned.expected <> aligned.expected_before
  OR aligned.accepted <> aligned.accepted_before
  OR aligned.gap <> aligned.gap_before
ORDER BY aligned.day, aligned.event, aligned.currency
