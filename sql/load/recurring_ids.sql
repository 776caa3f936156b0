-- One row per source and message id that occurs more than once, among the ids of the new events.
--
-- Reads: new_event_segments, known_event_segments (one row per archived event occurrence).
WITH new_ids AS (
  SELECT
    new_event_segments.source,
    new_event_segments.message_id,
    COUNT(*) AS occurrences
  FROM new_event_segments
  WHERE new_event_segments.message_id IS NOT NULL
  GROUP BY new_event_segments.source, new_event_segments.message_id
)

SELECT
  new_ids.source,
  new_ids.message_id
FROM new_ids
WHERE
  new_ids.occurrences > 1
  OR EXISTS (
    SELECT 1
    FROM known_event_segments
    WHERE
      known_event_segments.source = new_ids.source
      AND known_event_segments.message_id = new_ids.message_id
  )
