-- One row per destination, half hour (UTC) in which conversions arrived, and stretch of coverage
-- that reaches into it: `starts_at` and `ends_at` are those of the stretch.
--
-- Reads: conversions, coverage.
-- Source: DESIGN §4.
WITH arrival_slots AS (
  SELECT DISTINCT
    conversions.destination,
    conversions.slot
  FROM conversions
)

SELECT
  arrival_slots.destination,
  arrival_slots.slot,
  coverage.starts_at,
  coverage.ends_at
FROM arrival_slots
INNER JOIN coverage
  ON
    arrival_slots.destination = coverage.destination
    AND arrival_slots.slot < coverage.ends_at
    AND arrival_slots.slot + INTERVAL 30 MINUTE > coverage.starts_at
