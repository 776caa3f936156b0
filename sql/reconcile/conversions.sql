-- One row per conversion of a destination, as of an instant.
--
-- A conversion is all occurrences of one match key (event id, event name) over the destination's
-- sources; its earliest occurrence stands for it. An event without an id is a conversion of its
-- own. What arrived after the instant is ignored; what has no time at all is in no reconciliation.
-- Account days stay within the years 1 to 9999: a program's zero time is the day before in New
-- York. `slot` is the half hour of the arrival, UTC.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: conversion_occurrences (one row per destination and selected event occurrence, with
-- `arrival_slot`, the half hour of the arrival, UTC), recurring_ids, recurring_conversions,
-- erased_records (one row per event record of somebody who asked to be erased), account_zones (one
-- row per destination and stretch of time in one zone), destinations.
-- Source: DESIGN §6.
WITH chosen_occurrences AS (
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
    occurrence.arrival,
    occurrence.arrival_slot,
    occurrence.event_time,
    occurrence.order_id,
    occurrence.value,
    occurrence.currency,
    occurrence.suppressed_reason,
    1 AS variants,
    1 AS orders
  FROM conversion_occurrences AS occurrence
  WHERE
    occurrence.arrival <= $as_of
    AND NOT EXISTS (
      SELECT 1
      FROM recurring_ids
      WHERE
        recurring_ids.destination = occurrence.destination
        AND recurring_ids.event_id = occurrence.event_id
    )
  UNION ALL
  SELECT
    recurring_conversions.destination,
    recurring_conversions.source,
    recurring_conversions.file_id,
    recurring_conversions.record_number,
    recurring_conversions.message_id,
    recurring_conversions.event_id,
    recurring_conversions.key_tier,
    recurring_conversions.further_ids,
    recurring_conversions.event,
    recurring_conversions.arrival,
    recurring_conversions.arrival_slot,
    recurring_conversions.event_time,
    recurring_conversions.order_id,
    recurring_conversions.value,
    recurring_conversions.currency,
    recurring_conversions.suppressed_reason,
    recurring_conversions.variants,
    recurring_conversions.orders
  FROM recurring_conversions
)

SELECT
  chosen_occurrences.destination,
  chosen_occurrences.source,
  chosen_occurrences.file_id,
  chosen_occurrences.record_number,
  chosen_occurrences.message_id,
  chosen_occurrences.event_id,
  chosen_occurrences.key_tier,
  chosen_occurrences.further_ids,
  chosen_occurrences.event,
  chosen_occurrences.arrival,
  chosen_occurrences.event_time,
  GREATEST(
    LEAST(
      CAST(
        COALESCE(chosen_occurrences.event_time, chosen_occurrences.arrival)
        AT TIME ZONE account_zones.account_timezone AS DATE
      ),
      DATE '9999-12-31'
    ),
    DATE '0001-01-01'
  ) AS account_day,
  chosen_occurrences.arrival_slot AS slot,
  chosen_occurrences.order_id,
  chosen_occurrences.value,
  COALESCE(chosen_occurrences.currency, 'XXX') AS currency,
  COALESCE(
    chosen_occurrences.suppressed_reason,
    CASE WHEN erased_records.file_id IS NOT NULL THEN 'erased' END
  ) AS suppressed_reason,
  chosen_occurrences.variants,
  chosen_occurrences.orders,
  CASE
    WHEN
      chosen_occurrences.event_time IS NOT NULL
      AND destinations.max_age IS NOT NULL
      THEN LEAST(
        chosen_occurrences.event_time + destinations.max_age,
        TIMESTAMPTZ '9999-12-31 00:00:00+00'
      )
  END AS backfill_deadline
FROM chosen_occurrences
INNER JOIN destinations
  ON chosen_occurrences.destination = destinations.destination
INNER JOIN account_zones
  ON
    chosen_occurrences.destination = account_zones.destination
    AND COALESCE(chosen_occurrences.event_time, chosen_occurrences.arrival)
    >= account_zones.starts_at
    AND COALESCE(chosen_occurrences.event_time, chosen_occurrences.arrival)
    < account_zones.ends_at
LEFT JOIN erased_records
  ON
    chosen_occurrences.source = erased_records.source
    AND chosen_occurrences.file_id = erased_records.file_id
    AND chosen_occurrences.record_number = erased_records.record_number
