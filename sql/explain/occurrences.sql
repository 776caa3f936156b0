-- One row per occurrence of the found events, with its file and how it stands to the event's
-- earliest one (`place` 1, which the view `events` shows): `differs_in` names what differs, of
-- what `variants` counts, and is empty for a plain repetition. No payload, no personal data.
--
-- Reads: found_events, event_segments (one row per occurrence), inbound_files, inbound_paths.
WITH known_events AS (
  SELECT DISTINCT
    found_events.source,
    found_events.message_id,
    found_events.file_id,
    found_events.record_number
  FROM found_events
),

found_occurrences AS (
  SELECT event_segments.*
  FROM event_segments
  INNER JOIN known_events
    ON
      event_segments.source = known_events.source
      AND event_segments.message_id = known_events.message_id
  UNION ALL
  SELECT event_segments.*
  FROM event_segments
  INNER JOIN known_events
    ON
      event_segments.source = known_events.source
      AND event_segments.file_id = known_events.file_id
      AND event_segments.record_number = known_events.record_number
),

occurrences AS (
  SELECT
    found_occurrences.source,
    found_occurrences.message_id,
    found_occurrences.file_id,
    found_occurrences.record_number,
    found_occurrences.type,
    found_occurrences.event,
    found_occurrences.event_time,
    COALESCE(found_occurrences.original_timestamp, found_occurrences.event_time) AS content_time,
    found_occurrences.arrival,
    CASE
      WHEN found_occurrences.received_at IS NOT NULL THEN 'received_at'
      WHEN found_occurrences.sent_at IS NOT NULL THEN 'sent_at'
      WHEN found_occurrences.event_time IS NOT NULL THEN 'event_time'
    END AS arrival_from,
    found_occurrences.order_id,
    found_occurrences.value,
    found_occurrences.currency,
    found_occurrences.type_issues,
    CASE
      WHEN found_occurrences.message_id IS NULL
        THEN CONCAT_WS(' ', found_occurrences.file_id, found_occurrences.record_number)
    END AS place_of_idless
  FROM found_occurrences
),

ranked AS (
  SELECT
    occurrences.*,
    ROW_NUMBER() OVER (
      PARTITION BY occurrences.source, occurrences.message_id, occurrences.place_of_idless
      ORDER BY occurrences.arrival NULLS LAST, occurrences.file_id, occurrences.record_number
    ) AS place
  FROM occurrences
),

files AS (
  SELECT
    inbound_files.source,
    inbound_files.file_id,
    MIN(inbound_files.format) AS format,
    MIN(inbound_files.container) AS container,
    MIN(inbound_files.imported_at) AS imported_at
  FROM inbound_files
  WHERE inbound_files.kind = 'events'
  GROUP BY inbound_files.source, inbound_files.file_id
),

known_paths AS (
  SELECT
    inbound_files.source,
    inbound_files.file_id,
    inbound_files.path
  FROM inbound_files
  WHERE inbound_files.kind = 'events'
  UNION
  SELECT
    inbound_paths.source,
    inbound_paths.file_id,
    inbound_paths.path
  FROM inbound_paths
  WHERE inbound_paths.kind = 'events'
),

paths AS (
  SELECT
    known_paths.source,
    known_paths.file_id,
    LIST(known_paths.path ORDER BY known_paths.path) AS paths
  FROM known_paths
  WHERE known_paths.path IS NOT NULL
  GROUP BY known_paths.source, known_paths.file_id
)

SELECT
  ranked.source,
  ranked.message_id,
  ranked.file_id,
  ranked.record_number,
  COALESCE(paths.paths, []) AS paths,
  files.format,
  files.container,
  files.imported_at,
  ranked.type,
  ranked.event,
  ranked.event_time,
  ranked.arrival,
  ranked.arrival_from,
  ranked.order_id,
  ranked.value,
  ranked.currency,
  ranked.type_issues,
  ranked.place,
  CONCAT_WS(
    ',',
    CASE WHEN ranked.event IS DISTINCT FROM first_one.event THEN 'event' END,
    CASE WHEN ranked.content_time IS DISTINCT FROM first_one.content_time THEN 'time' END,
    CASE WHEN ranked.order_id IS DISTINCT FROM first_one.order_id THEN 'order_id' END,
    CASE WHEN ranked.value IS DISTINCT FROM first_one.value THEN 'value' END,
    CASE WHEN ranked.currency IS DISTINCT FROM first_one.currency THEN 'currency' END
  ) AS differs_in
FROM ranked
INNER JOIN ranked AS first_one
  ON
    ranked.source = first_one.source
    AND ranked.message_id IS NOT DISTINCT FROM first_one.message_id
    AND ranked.place_of_idless IS NOT DISTINCT FROM first_one.place_of_idless
    AND first_one.place = 1
LEFT JOIN files
  ON
    ranked.source = files.source
    AND ranked.file_id = files.file_id
LEFT JOIN paths
  ON
    ranked.source = paths.source
    AND ranked.file_id = paths.file_id
ORDER BY ranked.source, ranked.message_id, ranked.place_of_idless, ranked.place
