-- One row per conversion of a destination, as of an instant.
--
-- A conversion is all occurrences of one match key (event id, event name) over the destination's
-- sources; its earliest occurrence stands for it. An event without an id is a conversion of its
-- own. What arrived after the instant is ignored; what has no time at all is in no
-- reconciliation. Account days stay within the years 1 to 9999: a program's zero time is the day
-- before in New York.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: conversion_occurrences (one row per destination and selected event occurrence),
-- destinations (one row per destination: its settings).
-- Source: DESIGN §6.
WITH arrived AS (
  SELECT
    occurrence.destination,
    occurrence.source,
    occurrence.file_id,
    occurrence.record_number,
    occurrence.message_id,
    occurrence.event_id,
    occurrence.event,
    occurrence.inbound_event,
    occurrence.arrival,
    occurrence.event_time,
    occurrence.content_time,
    occurrence.order_id,
    occurrence.value,
    occurrence.currency,
    occurrence.suppressed_reason
  FROM conversion_occurrences AS occurrence
  WHERE occurrence.arrival <= $as_of
),

earliest_occurrences AS (
  SELECT arrived.*
  FROM arrived
  WHERE arrived.event_id IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY arrived.destination, arrived.event_id, arrived.event
    ORDER BY arrived.arrival, arrived.file_id, arrived.record_number, arrived.source
  ) = 1
),

different_contents AS (
  SELECT DISTINCT
    arrived.destination,
    arrived.event_id,
    arrived.event,
    arrived.inbound_event,
    arrived.content_time,
    arrived.order_id,
    arrived.value,
    arrived.currency
  FROM arrived
  WHERE arrived.event_id IS NOT NULL
),

content_counts AS (
  SELECT
    different_contents.destination,
    different_contents.event_id,
    different_contents.event,
    COUNT(*) AS variants
  FROM different_contents
  GROUP BY different_contents.destination, different_contents.event_id, different_contents.event
),

keyed_and_keyless AS (
  SELECT
    earliest_occurrences.*,
    content_counts.variants
  FROM earliest_occurrences
  INNER JOIN content_counts
    ON
      earliest_occurrences.destination = content_counts.destination
      AND earliest_occurrences.event_id = content_counts.event_id
      AND earliest_occurrences.event = content_counts.event
  UNION ALL
  SELECT
    arrived.*,
    1 AS variants
  FROM arrived
  WHERE arrived.event_id IS NULL
)

SELECT
  keyed_and_keyless.destination,
  keyed_and_keyless.source,
  keyed_and_keyless.file_id,
  keyed_and_keyless.record_number,
  keyed_and_keyless.message_id,
  keyed_and_keyless.event_id,
  keyed_and_keyless.event,
  keyed_and_keyless.arrival,
  keyed_and_keyless.event_time,
  GREATEST(
    LEAST(
      CAST(
        COALESCE(keyed_and_keyless.event_time, keyed_and_keyless.arrival)
        AT TIME ZONE destinations.account_timezone AS DATE
      ),
      DATE '9999-12-31'
    ),
    DATE '0001-01-01'
  ) AS account_day,
  keyed_and_keyless.value,
  COALESCE(keyed_and_keyless.currency, 'XXX') AS currency,
  keyed_and_keyless.suppressed_reason,
  keyed_and_keyless.variants,
  CASE
    WHEN
      keyed_and_keyless.event_time IS NOT NULL
      AND destinations.max_age IS NOT NULL
      THEN LEAST(
        keyed_and_keyless.event_time + destinations.max_age,
        TIMESTAMPTZ '9999-12-31 00:00:00+00'
      )
  END AS backfill_deadline
FROM keyed_and_keyless
INNER JOIN destinations
  ON keyed_and_keyless.destination = destinations.destination
