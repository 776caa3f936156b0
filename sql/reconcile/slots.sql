-- One row per destination and half hour (UTC, by arrival) in which sendable conversions arrived.
-- `is_searched`: a silence of the feed may lie, begin or end in it, since no attempted conversion
-- is in it, or none in the half hour beside it; between two attempted conversions that are an hour
-- apart there is such a half hour. In each of the others there is an attempted conversion. What
-- only uploads attempted counts as not attempted.
--
-- Reads: conversions, unmatched, attempted_names, uploaded_ids.
-- Source: DESIGN §4.
WITH sendable_counts AS (
  SELECT
    conversions.destination,
    conversions.slot,
    COUNT(*) AS conversions
  FROM conversions
  WHERE
    conversions.suppressed_reason IS NULL
    AND conversions.event_id IS NOT NULL
  GROUP BY conversions.destination, conversions.slot
),

unattempted AS (
  SELECT
    unmatched.destination,
    unmatched.slot
  FROM unmatched
  WHERE
    unmatched.is_conversion
    AND unmatched.suppressed_reason IS NULL
    AND NOT EXISTS (
      SELECT 1
      FROM attempted_names
      WHERE
        attempted_names.destination = unmatched.destination
        AND attempted_names.event_id = unmatched.event_id
    )
  UNION ALL
  SELECT
    conversions.destination,
    conversions.slot
  FROM conversions
  INNER JOIN uploaded_ids
    ON
      conversions.destination = uploaded_ids.destination
      AND conversions.event_id = uploaded_ids.event_id
  WHERE conversions.suppressed_reason IS NULL
),

unattempted_counts AS (
  SELECT
    unattempted.destination,
    unattempted.slot,
    COUNT(*) AS conversions
  FROM unattempted
  GROUP BY unattempted.destination, unattempted.slot
),

attempted_slots AS (
  SELECT
    sendable_counts.destination,
    sendable_counts.slot,
    CASE
      WHEN sendable_counts.conversions > COALESCE(unattempted_counts.conversions, 0)
        THEN sendable_counts.slot
    END AS attempted_slot
  FROM sendable_counts
  LEFT JOIN unattempted_counts
    ON
      sendable_counts.destination = unattempted_counts.destination
      AND sendable_counts.slot = unattempted_counts.slot
),

neighbours AS (
  SELECT
    attempted_slots.destination,
    attempted_slots.slot,
    attempted_slots.attempted_slot,
    MAX(attempted_slots.attempted_slot) OVER (
      PARTITION BY attempted_slots.destination
      ORDER BY attempted_slots.slot
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS attempted_before,
    MIN(attempted_slots.attempted_slot) OVER (
      PARTITION BY attempted_slots.destination
      ORDER BY attempted_slots.slot
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS attempted_after
  FROM attempted_slots
)

SELECT
  neighbours.destination,
  neighbours.slot,
  (
    neighbours.attempted_slot IS NULL
    OR neighbours.attempted_before IS NULL
    OR neighbours.attempted_after IS NULL
    OR neighbours.attempted_before + INTERVAL 1 HOUR <= neighbours.slot
    OR neighbours.attempted_after >= neighbours.slot + INTERVAL 1 HOUR
  ) AS is_searched
FROM neighbours
