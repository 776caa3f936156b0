-- One row per destination: how many of its conversions have no time at all, which are in no
-- reconciliation. One that has a time on another occurrence is not counted.
--
-- Reads: conversion_occurrences (one row per destination and selected event occurrence).
-- Source: DESIGN §6.
WITH untimed_occurrences AS (
  SELECT
    untimed.destination,
    untimed.event_id,
    untimed.event
  FROM conversion_occurrences AS untimed
  WHERE
    untimed.arrival IS NULL
    AND NOT EXISTS (
      SELECT 1
      FROM conversion_occurrences AS timed
      WHERE
        timed.destination = untimed.destination
        AND timed.event_id = untimed.event_id
        AND timed.event = untimed.event
        AND timed.arrival IS NOT NULL
    )
),

untimed_conversions AS (
  SELECT DISTINCT
    untimed_occurrences.destination,
    untimed_occurrences.event_id,
    untimed_occurrences.event
  FROM untimed_occurrences
  WHERE untimed_occurrences.event_id IS NOT NULL
  UNION ALL
  SELECT
    untimed_occurrences.destination,
    untimed_occurrences.event_id,
    untimed_occurrences.event
  FROM untimed_occurrences
  WHERE untimed_occurrences.event_id IS NULL
)

SELECT
  untimed_conversions.destination,
  COUNT(*) AS conversions
FROM untimed_conversions
GROUP BY untimed_conversions.destination
ORDER BY untimed_conversions.destination
