-- One row per hour (UTC) of what incidents by the hour are told from: per destination and
-- diagnosis, for `rejections` also per code that is ever that of most refusals, for `source_outage`
-- per source. `good` of `total` is the ratio, `is_telling` whether the hour says anything, `is_bad`
-- whether it is one of the incident's.
--
-- `delivery_outage`: settled, covered conversions neither suppressed nor unknown, by arrival; bad
-- where fewer than half were accepted. `rejections`: attempts but those of uploads, by attempt; bad
-- where more than half are rejected with the code; of a feed that lists failures only, the
-- conversions inferred to be accepted count as attempts, by arrival. `source_outage`: archived
-- event occurrences, by arrival, against the median of the same hour one to four weeks before, of
-- those that have any, two at least; bad where under a quarter of it, and under it by three times
-- its square root at least.
-- Hours younger than the source's `arrival_lag` are left out: their files may not be there yet.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: judged (with `arrival_hour`, UTC), attempts, source_hours (one row per source and hour
-- with events), destination_sources, destinations.
-- Source: DESIGN §6, docs/reconciliation.md.
WITH arrival_hours AS (
  SELECT
    judged.destination,
    judged.arrival_hour AS hour,
    COUNT(*) FILTER (
      WHERE
      judged.status = 'accepted'
      AND judged.is_settled
      AND judged.is_covered
    ) AS good,
    COUNT(*) FILTER (
      WHERE
      judged.status NOT IN ('suppressed', 'unknown')
      AND judged.is_settled
      AND judged.is_covered
    ) AS total,
    COUNT(*) FILTER (
      WHERE
      judged.status = 'accepted'
      AND judged.attempts = 0
    ) AS inferred
  FROM judged
  GROUP BY judged.destination, judged.arrival_hour
),

delivery_hours AS (
  SELECT
    arrival_hours.destination,
    arrival_hours.hour,
    arrival_hours.good,
    arrival_hours.total
  FROM arrival_hours
  WHERE arrival_hours.total > 0
),

attempt_hours AS (
  SELECT
    attempts.destination,
    attempts.attempted_hour AS hour,
    CASE WHEN attempts.outcome = 'rejected' THEN attempts.code END AS code,
    COUNT(*) AS attempts
  FROM attempts
  WHERE
    attempts.attempted_at <= $as_of
    AND NOT attempts.is_upload
  GROUP BY
    attempts.destination,
    attempts.attempted_hour,
    CASE WHEN attempts.outcome = 'rejected' THEN attempts.code END
),

all_attempt_hours AS (
  SELECT
    attempt_hours.destination,
    attempt_hours.hour,
    attempt_hours.attempts
  FROM attempt_hours
  UNION ALL
  SELECT
    arrival_hours.destination,
    arrival_hours.hour,
    arrival_hours.inferred AS attempts
  FROM arrival_hours
  INNER JOIN destinations
    ON
      arrival_hours.destination = destinations.destination
      AND destinations.reports = 'failures'
  WHERE arrival_hours.inferred > 0
),

attempt_totals AS (
  SELECT
    all_attempt_hours.destination,
    all_attempt_hours.hour,
    SUM(all_attempt_hours.attempts) AS total
  FROM all_attempt_hours
  GROUP BY all_attempt_hours.destination, all_attempt_hours.hour
),

dominant_codes AS (
  SELECT DISTINCT
    attempt_hours.destination,
    attempt_hours.code
  FROM attempt_hours
  INNER JOIN attempt_totals
    ON
      attempt_hours.destination = attempt_totals.destination
      AND attempt_hours.hour = attempt_totals.hour
  WHERE
    attempt_hours.code IS NOT NULL
    AND 2 * attempt_hours.attempts > attempt_totals.total
),

refusal_hours AS (
  SELECT
    attempt_totals.destination,
    dominant_codes.code,
    attempt_totals.hour,
    attempt_totals.total - COALESCE(attempt_hours.attempts, 0) AS good,
    attempt_totals.total
  FROM attempt_totals
  INNER JOIN dominant_codes
    ON attempt_totals.destination = dominant_codes.destination
  LEFT JOIN attempt_hours
    ON
      attempt_totals.destination = attempt_hours.destination
      AND attempt_totals.hour = attempt_hours.hour
      AND dominant_codes.code = attempt_hours.code
),

weeks AS (
  SELECT UNNEST([7, 14, 21, 28]) AS days
),

later_hours AS (
  SELECT
    source_hours.source,
    source_hours.hour + INTERVAL 1 DAY * weeks.days AS hour,
    source_hours.occurrences
  FROM source_hours
  CROSS JOIN weeks
),

baselines AS (
  SELECT
    later_hours.source,
    later_hours.hour,
    MEDIAN(later_hours.occurrences) AS baseline
  FROM later_hours
  GROUP BY later_hours.source, later_hours.hour
  HAVING COUNT(*) >= 2
),

compared_hours AS (
  SELECT
    destination_sources.destination,
    baselines.source,
    baselines.hour,
    COALESCE(source_hours.occurrences, 0) AS good,
    LEAST(earlier_baselines.baseline, baselines.baseline, later_baselines.baseline) AS total
  FROM baselines
  INNER JOIN baselines AS earlier_baselines
    ON
      baselines.source = earlier_baselines.source
      AND baselines.hour - INTERVAL 1 HOUR = earlier_baselines.hour
  INNER JOIN baselines AS later_baselines
    ON
      baselines.source = later_baselines.source
      AND baselines.hour + INTERVAL 1 HOUR = later_baselines.hour
  INNER JOIN destination_sources
    ON baselines.source = destination_sources.source
  LEFT JOIN source_hours
    ON
      baselines.source = source_hours.source
      AND baselines.hour = source_hours.hour
  WHERE baselines.hour + INTERVAL 1 HOUR + destination_sources.arrival_lag <= $as_of
)

SELECT
  delivery_hours.destination,
  'delivery_outage' AS diagnosis,
  '' AS source,
  '' AS code,
  delivery_hours.hour,
  delivery_hours.good,
  delivery_hours.total,
  delivery_hours.total >= destinations.incident_min AS is_telling,
  2 * delivery_hours.good < delivery_hours.total AS is_bad
FROM delivery_hours
INNER JOIN destinations
  ON delivery_hours.destination = destinations.destination
UNION ALL
SELECT
  refusal_hours.destination,
  'rejections' AS diagnosis,
  '' AS source,
  refusal_hours.code,
  refusal_hours.hour,
  refusal_hours.good,
  refusal_hours.total,
  refusal_hours.total >= destinations.incident_min AS is_telling,
  2 * refusal_hours.good < refusal_hours.total AS is_bad
FROM refusal_hours
INNER JOIN destinations
  ON refusal_hours.destination = destinations.destination
UNION ALL
SELECT
  compared_hours.destination,
  'source_outage' AS diagnosis,
  compared_hours.source,
  '' AS code,
  compared_hours.hour,
  compared_hours.good,
  compared_hours.total,
  compared_hours.total >= destinations.incident_min AS is_telling,
  (
    4 * compared_hours.good < compared_hours.total
    AND (compared_hours.total - compared_hours.good)
    * (compared_hours.total - compared_hours.good) >= 9 * compared_hours.total
  ) AS is_bad
FROM compared_hours
INNER JOIN destinations
  ON compared_hours.destination = destinations.destination
