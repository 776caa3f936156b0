-- One row per event, as in `events`, by arrival; those without any time last.
--
-- Parameters: $source VARCHAR (NULL: all); $from_arrival TIMESTAMPTZ, included, $until_arrival
-- TIMESTAMPTZ, excluded (UTC; NULL: no bound; where there is one, events without any time are left
-- out).
-- Reads: events.
SELECT
  events.source,
  events.message_id,
  events.type,
  events.event,
  events.user_id,
  events.anonymous_id,
  events.event_time,
  events.original_timestamp,
  events.sent_at,
  events.received_at,
  events.arrival,
  events.received_date,
  events.order_id,
  events.value,
  events.currency,
  events.type_issues,
  events.occurrences,
  events.variants,
  events.file_id,
  events.record_number,
  events.body
FROM events
WHERE
  ($source IS NULL OR events.source = $source)
  AND ($from_arrival IS NULL OR events.arrival >= $from_arrival)
  AND ($until_arrival IS NULL OR events.arrival < $until_arrival)
ORDER BY
  events.arrival ASC NULLS LAST,
  events.source ASC,
  events.file_id ASC,
  events.record_number ASC
