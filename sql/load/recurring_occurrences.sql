-- One row per occurrence of a recurring message id, with its rank: the earliest arrival is 1, then
-- by file and record; times unknown come last.
--
-- Reads: event_segments, recurring_ids.
SELECT
  event_segments.source,
  event_segments.message_id,
  event_segments.file_id,
  event_segments.record_number,
  event_segments.event,
  COALESCE(event_segments.original_timestamp, event_segments.event_time) AS content_time,
  event_segments.order_id,
  event_segments.value,
  event_segments.currency,
  ROW_NUMBER() OVER (
    PARTITION BY event_segments.source, event_segments.message_id
    ORDER BY
      event_segments.arrival NULLS LAST, event_segments.file_id, event_segments.record_number
  ) AS occurrence_rank
FROM event_segments
INNER JOIN recurring_ids
  ON
    event_segments.source = recurring_ids.source
    AND event_segments.message_id = recurring_ids.message_id
