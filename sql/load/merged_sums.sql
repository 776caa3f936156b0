-- One row per destination, hour of the attempts, outcome, code and latency: new sums and those of
-- segments that are merged with them, without the days that are summed afresh.
--
-- Reads: new_sums, merged_segments (the same grain), stale_partitions (destination and UTC day of
-- the attempts).
WITH kept_sums AS (
  SELECT merged_segments.*
  FROM merged_segments
  WHERE
    NOT EXISTS (
      SELECT 1 AS found
      FROM stale_partitions
      WHERE
        merged_segments.destination = stale_partitions.destination
        AND CAST(merged_segments.hour AS DATE) = stale_partitions.attempted_date
    )
),

all_sums AS (
  SELECT
    new_sums.destination,
    new_sums.hour,
    new_sums.outcome,
    new_sums.code,
    new_sums.latency_ms,
    new_sums.attempts
  FROM new_sums
  UNION ALL
  SELECT
    kept_sums.destination,
    kept_sums.hour,
    kept_sums.outcome,
    kept_sums.code,
    kept_sums.latency_ms,
    kept_sums.attempts
  FROM kept_sums
)

SELECT
  all_sums.destination,
  all_sums.hour,
  all_sums.outcome,
  all_sums.code,
  all_sums.latency_ms,
  CAST(SUM(all_sums.attempts) AS BIGINT) AS attempts
FROM all_sums
GROUP BY
  all_sums.destination, all_sums.hour, all_sums.outcome, all_sums.code, all_sums.latency_ms
ORDER BY
  all_sums.hour, all_sums.destination, all_sums.outcome, all_sums.code, all_sums.latency_ms
