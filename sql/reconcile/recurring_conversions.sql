-- One row per conversion whose event id several occurrences have, as of an instant: its earliest
-- occurrence, with the number of different contents and of different order ids among all of them.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: conversion_occurrences (one row per destination and selected event occurrence, with
-- `arrival_slot`, the half hour of the arrival, UTC), recurring_ids.
-- Source: DESIGN §6.
WITH recurring_occurrences AS (
  SELECT
    occurrence.destination,
    occurrence.source,
    occurrence.file_id,
    occurrence.record_number,
    occurrence.message_id,
    occurrence.event_id,
    occurrence.key_tier,
    occurrence.further_ids,
    occurrence.event,
    occurrence.inbound_event,
    occurrence.arrival,
    occurrence.arrival_slot,
    occurrence.event_time,
    occurrence.content_time,
    occurrence.order_id,
    occurrence.value,
    occurrence.currency,
    occurrence.suppressed_reason
  FROM conversion_occurrences AS occurrence
  INNER JOIN recurring_ids
    ON
      occurrence.destination = recurring_ids.destination
      AND occurrence.event_id = recurring_ids.event_id
  WHERE occurrence.arrival <= $as_of
),

earliest_occurrences AS (
  SELECT recurring_occurrences.*
  FROM recurring_occurrences
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY
      recurring_occurrences.destination,
      recurring_occurrences.event_id,
      recurring_occurrences.event
    ORDER BY
      recurring_occurrences.arrival,
      recurring_occurrences.file_id,
      recurring_occurrences.record_number,
      recurring_occurrences.source
  ) = 1
),

different_contents AS (
  SELECT DISTINCT
    recurring_occurrences.destination,
    recurring_occurrences.event_id,
    recurring_occurrences.event,
    recurring_occurrences.inbound_event,
    recurring_occurrences.content_time,
    recurring_occurrences.order_id,
    recurring_occurrences.value,
    recurring_occurrences.currency
  FROM recurring_occurrences
),

content_counts AS (
  SELECT
    different_contents.destination,
    different_contents.event_id,
    different_contents.event,
    COUNT(*) AS variants,
    COUNT(DISTINCT different_contents.order_id) AS orders
  FROM different_contents
  GROUP BY different_contents.destination, different_contents.event_id, different_contents.event
)

SELECT
  earliest_occurrences.destination,
  earliest_occurrences.source,
  earliest_occurrences.file_id,
  earliest_occurrences.record_number,
  earliest_occurrences.message_id,
  earliest_occurrences.event_id,
  earliest_occurrences.key_tier,
  earliest_occurrences.further_ids,
  earliest_occurrences.event,
  earliest_occurrences.arrival,
  earliest_occurrences.arrival_slot,
  earliest_occurrences.event_time,
  earliest_occurrences.order_id,
  earliest_occurrences.value,
  earliest_occurrences.currency,
  earliest_occurrences.suppressed_reason,
  content_counts.variants,
  content_counts.orders
FROM earliest_occurrences
INNER JOIN content_counts
  ON
    earliest_occurrences.destination = content_counts.destination
    AND earliest_occurrences.event_id = content_counts.event_id
    AND earliest_occurrences.event = content_counts.event
