-- One row per stretch of time in which a feed's silence means something: from `starts_at` up to,
-- but not including, `ends_at`; stretches neither overlap nor touch.
--
-- `infer`: up to the newest attempt, except silences. `daily`: whole UTC days with a file.
-- `complete`: everything up to the newest attempt. Vouched ranges are added to each. Attempts of
-- uploads say nothing about the feed.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: destinations, receipts (with `is_upload`), silences, feed_days, vouched_ranges (one row
-- per range for which the user vouches: destination, starts_at, ends_at exclusive).
-- Source: DESIGN §4.
WITH newest_attempts AS (
  SELECT
    destinations.destination,
    destinations.coverage,
    MAX(receipts.attempted_at) + INTERVAL 1 MICROSECOND AS ends_at
  FROM destinations
  INNER JOIN receipts
    ON destinations.destination = receipts.destination
  WHERE
    receipts.attempted_at <= $as_of
    AND NOT receipts.is_upload
    AND destinations.coverage IN ('infer', 'complete')
  GROUP BY destinations.destination, destinations.coverage
),

silence_edges AS (
  SELECT
    newest_attempts.destination,
    newest_attempts.ends_at AS feed_ends_at,
    silences.starts_at,
    silences.ends_at
  FROM newest_attempts
  INNER JOIN silences
    ON newest_attempts.destination = silences.destination
  WHERE newest_attempts.coverage = 'infer'
),

between_silences AS (
  SELECT
    silence_edges.destination,
    COALESCE(
      LAG(silence_edges.ends_at) OVER (
        PARTITION BY silence_edges.destination
        ORDER BY silence_edges.starts_at
      ) + INTERVAL 1 MICROSECOND,
      TIMESTAMPTZ '0001-01-01 00:00:00+00'
    ) AS starts_at,
    LEAST(silence_edges.starts_at, silence_edges.feed_ends_at) AS ends_at
  FROM silence_edges
  UNION ALL
  SELECT
    newest_attempts.destination,
    COALESCE(
      MAX(silence_edges.ends_at) + INTERVAL 1 MICROSECOND,
      TIMESTAMPTZ '0001-01-01 00:00:00+00'
    ) AS starts_at,
    newest_attempts.ends_at
  FROM newest_attempts
  LEFT JOIN silence_edges
    ON newest_attempts.destination = silence_edges.destination
  GROUP BY newest_attempts.destination, newest_attempts.ends_at
),

daily AS (
  SELECT
    feed_days.destination,
    CAST(feed_days.feed_day AS TIMESTAMP) AT TIME ZONE 'UTC' AS starts_at,
    (CAST(feed_days.feed_day AS TIMESTAMP) + INTERVAL 1 DAY) AT TIME ZONE 'UTC' AS ends_at
  FROM feed_days
  INNER JOIN destinations
    ON feed_days.destination = destinations.destination
  WHERE destinations.coverage = 'daily'
),

pieces AS (
  SELECT
    between_silences.destination,
    between_silences.starts_at,
    between_silences.ends_at
  FROM between_silences
  WHERE between_silences.starts_at < between_silences.ends_at
  UNION ALL
  SELECT
    daily.destination,
    daily.starts_at,
    daily.ends_at
  FROM daily
  UNION ALL
  SELECT
    vouched_ranges.destination,
    vouched_ranges.starts_at,
    vouched_ranges.ends_at
  FROM vouched_ranges
),

opened AS (
  SELECT
    pieces.destination,
    pieces.starts_at,
    pieces.ends_at,
    CASE
      WHEN
        pieces.starts_at <= MAX(pieces.ends_at) OVER (
          PARTITION BY pieces.destination
          ORDER BY pieces.starts_at, pieces.ends_at
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
        THEN 0
      ELSE 1
    END AS opens
  FROM pieces
),

numbered AS (
  SELECT
    opened.destination,
    opened.starts_at,
    opened.ends_at,
    SUM(opened.opens) OVER (
      PARTITION BY opened.destination
      ORDER BY opened.starts_at, opened.ends_at
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
  FROM opened
)

SELECT
  numbered.destination,
  MIN(numbered.starts_at) AS starts_at,
  MAX(numbered.ends_at) AS ends_at
FROM numbered
GROUP BY numbered.destination, numbered.stretch
