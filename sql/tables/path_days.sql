-- One row per source, event name, JSON path, JSON type and day: the events that have the type under
-- the path. An event counts once per path and type, whatever the number of array elements, but
-- under each type that it has there: the types' `occurrences` may add up to more than
-- `path_occurrences`, the events of the day that have the path at all.
--
-- Reads: diary_segments (the same grain for each load; `counted_once` adds up over the types).
WITH counted_types AS (
  SELECT
    diary_segments.source,
    diary_segments.event,
    diary_segments.path,
    diary_segments.parent,
    diary_segments.json_type,
    diary_segments.day,
    CAST(SUM(diary_segments.occurrences) AS BIGINT) AS occurrences,
    SUM(diary_segments.counted_once) AS counted_once
  FROM diary_segments
  GROUP BY
    diary_segments.source,
    diary_segments.event,
    diary_segments.path,
    diary_segments.parent,
    diary_segments.json_type,
    diary_segments.day
)

SELECT
  counted_types.source,
  counted_types.event,
  counted_types.path,
  counted_types.parent,
  counted_types.json_type,
  counted_types.day,
  counted_types.occurrences,
  CAST(
    SUM(counted_types.counted_once) OVER (
      PARTITION BY
        counted_types.source,
        counted_types.event,
        counted_types.path,
        counted_types.day
    ) AS BIGINT
  ) AS path_occurrences
FROM counted_types
