-- One row per source, event name and JSON path: the JSON types seen there, the first and the last
-- day, and the number of events that have the path, each once whatever the types in it.
--
-- Reads: diary_segments (one row per source, event name, path, type, day and load; `counted_once`
-- adds up over the types).
SELECT
  diary_segments.source,
  diary_segments.event,
  diary_segments.path,
  diary_segments.parent,
  LIST_SORT(LIST(DISTINCT diary_segments.json_type)) AS types,
  MIN(diary_segments.day) AS first_day,
  MAX(diary_segments.day) AS last_day,
  CAST(SUM(diary_segments.counted_once) AS BIGINT) AS occurrences
FROM diary_segments
GROUP BY
  diary_segments.source,
  diary_segments.event,
  diary_segments.path,
  diary_segments.parent
