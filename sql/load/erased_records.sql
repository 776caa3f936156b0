-- One row per archived event occurrence of a person who asked to be forgotten: its userId,
-- anonymousId or messageId is in the list.
--
-- Reads: event_segments, erased_ids (one row per id; never stored).
SELECT
  event_segments.source,
  event_segments.file_id,
  event_segments.record_number
FROM event_segments
WHERE
  event_segments.user_id IN (SELECT erased_ids.id FROM erased_ids)
  OR event_segments.anonymous_id IN (SELECT erased_ids.id FROM erased_ids)
  OR event_segments.message_id IN (SELECT erased_ids.id FROM erased_ids)
ORDER BY event_segments.source, event_segments.file_id, event_segments.record_number
