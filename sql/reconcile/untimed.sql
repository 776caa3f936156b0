-- One row per conversion without any time, which is in no reconciliation: one per match key, the
-- first by file and record, and one per occurrence without an id. One that has a time on another
-- occurrence is none of them.
--
-- Reads: conversion_occurrences (one row per destination and selected event occurrence).
-- Source: DESIGN §6.
WITH untimed_occurrences AS (
  SELECT
    untimed.destination,
    untimed.source,
    untimed.message_id,
    untimed.event_id,
    untimed.event,
    untimed.file_id,
    untimed.record_number
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
)

SELECT
  untimed_occurrences.destination,
  untimed_occurrences.source,
  untimed_occurrences.message_id,
  untimed_occurrences.event_id,
  untimed_occurrences.event
FROM untimed_occurrences
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY
      untimed_occurrences.destination,
      untimed_occurrences.event_id,
      untimed_occurrences.event
    ORDER BY
      untimed_occurrences.file_id,
      untimed_occurrences.record_number,
      untimed_occurrences.source
  ) = 1
  OR untimed_occurrences.event_id IS NULL
