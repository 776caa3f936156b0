-- One row per conversion of a destination, over all that has arrived: the earliest occurrence
-- that the destination's rule selects for a match key. Reconciliation judges the same as of an
-- instant.
--
-- Reads: conversion_occurrences (one row per destination and selected event occurrence).
SELECT
  conversion_occurrences.destination,
  conversion_occurrences.source,
  conversion_occurrences.message_id,
  conversion_occurrences.event_id,
  conversion_occurrences.event,
  conversion_occurrences.inbound_event,
  conversion_occurrences.event_time,
  conversion_occurrences.arrival,
  conversion_occurrences.order_id,
  conversion_occurrences.value,
  conversion_occurrences.currency,
  conversion_occurrences.suppressed_reason,
  conversion_occurrences.file_id,
  conversion_occurrences.record_number
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
