-- One row per incident that is told by the hour: from its first to its last bad telling hour. Two
-- with no good telling hour between them, or at most two hours apart, are one. It is open where
-- no good telling hour follows.
--
-- Reads: hours.
-- Source: DESIGN §6, docs/reconciliation.md.
WITH telling_hours AS (
  SELECT
    hours.destination,
    hours.diagnosis,
    hours.source,
    hours.code,
    hours.hour,
    hours.is_bad,
    COUNT(*) FILTER (WHERE NOT hours.is_bad) OVER (
      PARTITION BY hours.destination, hours.diagnosis, hours.source, hours.code
      ORDER BY hours.hour
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS good_so_far,
    COUNT(*) FILTER (WHERE NOT hours.is_bad) OVER (
      PARTITION BY hours.destination, hours.diagnosis, hours.source, hours.code
    ) AS good_hours
  FROM hours
  WHERE hours.is_telling
),

bad_hours AS (
  SELECT
    telling_hours.*,
    CASE
      WHEN
        telling_hours.good_so_far = LAG(telling_hours.good_so_far) OVER bad_hours_in_order
        OR telling_hours.hour
        <= LAG(telling_hours.hour) OVER bad_hours_in_order + INTERVAL 3 HOUR
        THEN 0
      ELSE 1
    END AS opens
  FROM telling_hours
  WHERE telling_hours.is_bad
  WINDOW
    bad_hours_in_order AS (
      PARTITION BY
        telling_hours.destination,
        telling_hours.diagnosis,
        telling_hours.source,
        telling_hours.code
      ORDER BY telling_hours.hour
    )
),

numbered AS (
  SELECT
    bad_hours.*,
    SUM(bad_hours.opens) OVER (
      PARTITION BY bad_hours.destination, bad_hours.diagnosis, bad_hours.source, bad_hours.code
      ORDER BY bad_hours.hour
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS incident
  FROM bad_hours
),

spans AS (
  SELECT
    numbered.destination,
    numbered.diagnosis,
    numbered.source,
    numbered.code,
    MIN(numbered.hour) AS starts_at,
    MAX(numbered.hour) + INTERVAL 1 HOUR AS ends_at,
    MAX(numbered.good_so_far) = MAX(numbered.good_hours) AS is_open
  FROM numbered
  GROUP BY
    numbered.destination,
    numbered.diagnosis,
    numbered.source,
    numbered.code,
    numbered.incident
)

SELECT
  spans.destination,
  spans.diagnosis,
  spans.source,
  spans.code,
  spans.starts_at,
  spans.ends_at,
  spans.is_open,
  CAST(
    ROUND(
      CAST(SUM(hours.good) AS DECIMAL(18, 4))
      / NULLIF(CAST(SUM(hours.total) AS DECIMAL(18, 4)), 0),
      4
    ) AS DECIMAL(18, 4)
  ) AS ratio
FROM spans
INNER JOIN hours
  ON
    spans.destination = hours.destination
    AND spans.diagnosis = hours.diagnosis
    AND spans.source = hours.source
    AND spans.code = hours.code
    AND spans.starts_at <= hours.hour
    AND spans.ends_at > hours.hour
WHERE
  hours.is_telling
  OR hours.diagnosis <> 'source_outage'
GROUP BY
  spans.destination,
  spans.diagnosis,
  spans.source,
  spans.code,
  spans.starts_at,
  spans.ends_at,
  spans.is_open
