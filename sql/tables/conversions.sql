-- One row per conversion of a destination, over all that has arrived: the earliest occurrence
-- that the destination's rule selects for a match key. Reconciliation judges the same as of an
-- instant.
--
-- Reads: conversion_occurrences (one row per destination and selected event occurrence),
-- erased_records (one row per event occurrence of somebody who asked to be forgotten).
WITH earliest_occurrences AS (
  SELECT conversion_occurrences.*
  FROM conversion_occurrences
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY
        conversion_occurrences.destination,
        conversion_occurrences.event,
        conversion_occurrences.event_id
      ORDER BY
        conversion_occurrences.arrival NULLS LAST,
        conversion_occurrences.file_id,
        conversion_occurrences.record_number,
        conversion_occurrences.source
    ) = 1
    OR conversion_occurrences.event_id IS NULL
)

SELECT
  earliest_occurrences.destination,
  earliest_occurrences.source,
  earliest_occurrences.message_id,
  earliest_occurrences.event_id,
  earliest_occurrences.key_tier,
  earliest_occurrences.further_ids,
  earliest_occurrences.event,
  earliest_occurrences.inbound_event,
  earliest_occurrences.event_time,
  earliest_occurrences.arrival,
  earliest_occurrences.order_id,
  earliest_occurrences.value,
  earliest_occurrences.currency,
  COALESCE(
    earliest_occurrences.suppressed_reason,
    CASE WHEN erased_records.file_id IS NOT NULL THEN 'erased' END
  ) AS suppressed_reason,
  earliest_occurrences.file_id,
  earliest_occurrences.record_number
FROM earliest_occurrences
LEFT JOIN erased_records
  ON
    earliest_occurrences.source = erased_records.source
    AND earliest_occurrences.file_id = erased_records.file_id
    AND earliest_occurrences.record_number = erased_records.record_number
