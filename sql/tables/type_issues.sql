-- One row per event record and typed column that was given and could not be typed: the column is
-- NULL there, and the record's payload says what was given.
--
-- Reads: event_segments (one row per occurrence; `type_issues` names the columns).
SELECT
  event_segments.source,
  event_segments.received_date,
  event_segments.file_id,
  event_segments.record_number,
  event_segments.message_id,
  event_segments.event,
  UNNEST(STRING_SPLIT(event_segments.type_issues, ', ')) AS column_name
FROM event_segments
WHERE event_segments.type_issues IS NOT NULL
