-- One row per `receipts_missing` incident: silences of a feed with `coverage = "infer"` that does
-- not give totals only, at most two hours apart, for which the user does not wholly vouch (else one
-- stretch of coverage holds it: nothing but vouched ranges, one or several that touch, covers a
-- silence). From the first to the last silent arrival; open where no attempted conversion follows.
--
-- Reads: silences, coverage, destinations, sendable_conversions.
-- Source: DESIGN §6, docs/reconciliation.md.
WITH telling_silences AS (
  SELECT
    silences.destination,
    silences.stretch,
    silences.starts_at,
    silences.ends_at,
    CASE
      WHEN
        silences.starts_at <= LAG(silences.ends_at) OVER (
          PARTITION BY silences.destination
          ORDER BY silences.starts_at
        ) + INTERVAL 2 HOUR
        THEN 0
      ELSE 1
    END AS opens
  FROM silences
  INNER JOIN destinations
    ON silences.destination = destinations.destination
  WHERE
    destinations.coverage = 'infer'
    AND destinations.reports <> 'totals'
    AND NOT EXISTS (
      SELECT 1
      FROM coverage
      WHERE
        coverage.destination = silences.destination
        AND coverage.starts_at <= silences.starts_at
        AND coverage.ends_at > silences.ends_at
    )
),

numbered AS (
  SELECT
    telling_silences.*,
    SUM(telling_silences.opens) OVER (
      PARTITION BY telling_silences.destination
      ORDER BY telling_silences.starts_at
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS incident
  FROM telling_silences
),

last_stretches AS (
  SELECT
    sendable_conversions.destination,
    MAX(sendable_conversions.stretch) AS stretch
  FROM sendable_conversions
  GROUP BY sendable_conversions.destination
)

SELECT
  numbered.destination,
  MIN(numbered.starts_at) AS starts_at,
  MAX(numbered.ends_at) AS ends_at,
  MAX(numbered.stretch) = MAX(last_stretches.stretch) AS is_open
FROM numbered
INNER JOIN last_stretches
  ON numbered.destination = last_stretches.destination
GROUP BY numbered.destination, numbered.incident
