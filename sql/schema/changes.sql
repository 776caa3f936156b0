-- One row per change of the events' schema, by UTC day of arrival.
--
-- `appeared`: the path's first day, where its event occurred on an earlier one; `vanished`: the
-- first day after its last one on which its event occurred, so without it, and it never came back.
-- An event name is the path `$`, measured against its source's days in the same way. Of a subtree
-- that appears or vanishes on one day only the topmost path is listed, with the number of
-- `paths_below`; for an event name, those that came or went with it.
-- `type_appeared`: the type's first day, where the path was there on an earlier one;
-- `type_vanished`: the first day after its last one on which the path was there, so without it.
-- `since` and `last_seen` are the first and the last day of the path or type that changed,
-- `occurrences` the events that ever had it.
--
-- Parameters: $source VARCHAR, $event VARCHAR (NULL: all); $from_day DATE, $to_day DATE (of the
-- change; NULL: no bound).
-- Reads: path_days.
WITH known_path_days AS (
  SELECT
    path_days.source,
    path_days.event,
    path_days.path,
    path_days.parent,
    path_days.json_type,
    path_days.day,
    path_days.occurrences,
    path_days.path_occurrences
  FROM path_days
  WHERE $source IS NULL OR path_days.source = $source
),

days_of_paths AS (
  SELECT DISTINCT
    known_path_days.source,
    known_path_days.event,
    known_path_days.path,
    known_path_days.parent,
    known_path_days.day,
    known_path_days.path_occurrences AS occurrences
  FROM known_path_days
),

measured_days AS (
  SELECT
    days_of_paths.source,
    days_of_paths.event,
    days_of_paths.path,
    days_of_paths.day,
    LAG(days_of_paths.day) OVER (
      PARTITION BY days_of_paths.source, days_of_paths.event, days_of_paths.path
      ORDER BY days_of_paths.day
    ) AS previous_day,
    LEAD(days_of_paths.day) OVER (
      PARTITION BY days_of_paths.source, days_of_paths.event, days_of_paths.path
      ORDER BY days_of_paths.day
    ) AS next_day
  FROM days_of_paths
),

measured_source_days AS (
  SELECT
    days_of_sources.source,
    days_of_sources.day,
    LAG(days_of_sources.day) OVER (
      PARTITION BY days_of_sources.source
      ORDER BY days_of_sources.day
    ) AS previous_day,
    LEAD(days_of_sources.day) OVER (
      PARTITION BY days_of_sources.source
      ORDER BY days_of_sources.day
    ) AS next_day
  FROM (
    SELECT DISTINCT
      days_of_paths.source,
      days_of_paths.day
    FROM days_of_paths
  ) AS days_of_sources
),

known_paths AS (
  SELECT
    days_of_paths.source,
    days_of_paths.event,
    days_of_paths.path,
    days_of_paths.parent,
    MIN(days_of_paths.day) AS since,
    MAX(days_of_paths.day) AS last_seen,
    CAST(SUM(days_of_paths.occurrences) AS BIGINT) AS occurrences
  FROM days_of_paths
  WHERE $event IS NULL OR days_of_paths.event = $event
  GROUP BY
    days_of_paths.source,
    days_of_paths.event,
    days_of_paths.path,
    days_of_paths.parent
),

known_types AS (
  SELECT
    known_path_days.source,
    known_path_days.event,
    known_path_days.path,
    known_path_days.json_type,
    MIN(known_path_days.day) AS since,
    MAX(known_path_days.day) AS last_seen,
    CAST(SUM(known_path_days.occurrences) AS BIGINT) AS occurrences
  FROM known_path_days
  WHERE $event IS NULL OR known_path_days.event = $event
  GROUP BY
    known_path_days.source,
    known_path_days.event,
    known_path_days.path,
    known_path_days.json_type
),

-- Each against the days of what holds it: an event name its source, a path its event, a type its
-- path. What is there on a day, so is what holds it: the joins lose nothing.
spans AS (
  SELECT
    known_paths.source,
    known_paths.event,
    known_paths.path,
    known_paths.parent,
    NULL AS json_type,
    known_paths.since,
    known_paths.last_seen,
    known_paths.occurrences,
    first_days.previous_day,
    last_days.next_day
  FROM known_paths
  INNER JOIN measured_source_days AS first_days
    ON
      known_paths.source = first_days.source
      AND known_paths.since = first_days.day
  INNER JOIN measured_source_days AS last_days
    ON
      known_paths.source = last_days.source
      AND known_paths.last_seen = last_days.day
  WHERE known_paths.parent IS NULL
  UNION ALL
  SELECT
    known_paths.source,
    known_paths.event,
    known_paths.path,
    known_paths.parent,
    NULL AS json_type,
    known_paths.since,
    known_paths.last_seen,
    known_paths.occurrences,
    first_days.previous_day,
    last_days.next_day
  FROM known_paths
  INNER JOIN measured_days AS first_days
    ON
      known_paths.source = first_days.source
      AND known_paths.event IS NOT DISTINCT FROM first_days.event
      AND known_paths.since = first_days.day
      AND first_days.path = '$'
  INNER JOIN measured_days AS last_days
    ON
      known_paths.source = last_days.source
      AND known_paths.event IS NOT DISTINCT FROM last_days.event
      AND known_paths.last_seen = last_days.day
      AND last_days.path = '$'
  WHERE known_paths.parent IS NOT NULL
  UNION ALL
  SELECT
    known_types.source,
    known_types.event,
    known_types.path,
    NULL AS parent,
    known_types.json_type,
    known_types.since,
    known_types.last_seen,
    known_types.occurrences,
    first_days.previous_day,
    last_days.next_day
  FROM known_types
  INNER JOIN measured_days AS first_days
    ON
      known_types.source = first_days.source
      AND known_types.event IS NOT DISTINCT FROM first_days.event
      AND known_types.path = first_days.path
      AND known_types.since = first_days.day
  INNER JOIN measured_days AS last_days
    ON
      known_types.source = last_days.source
      AND known_types.event IS NOT DISTINCT FROM last_days.event
      AND known_types.path = last_days.path
      AND known_types.last_seen = last_days.day
),

changes AS (
  SELECT
    spans.since AS day,
    spans.source,
    spans.event,
    spans.path,
    spans.parent,
    CASE WHEN spans.json_type IS NULL THEN 'appeared' ELSE 'type_appeared' END AS change,
    spans.json_type,
    spans.since,
    spans.last_seen,
    spans.occurrences
  FROM spans
  WHERE spans.previous_day IS NOT NULL
  UNION ALL
  SELECT
    spans.next_day AS day,
    spans.source,
    spans.event,
    spans.path,
    spans.parent,
    CASE WHEN spans.json_type IS NULL THEN 'vanished' ELSE 'type_vanished' END AS change,
    spans.json_type,
    spans.since,
    spans.last_seen,
    spans.occurrences
  FROM spans
  WHERE spans.next_day IS NOT NULL
),

topmost_changes AS (
  SELECT changes.*
  FROM changes
  WHERE
    ($from_day IS NULL OR changes.day >= $from_day)
    AND ($to_day IS NULL OR changes.day <= $to_day)
    AND NOT EXISTS (
      SELECT 1
      FROM known_paths
      WHERE
        known_paths.source = changes.source
        AND known_paths.event IS NOT DISTINCT FROM changes.event
        AND known_paths.path = changes.parent
        AND CASE
          WHEN changes.change = 'appeared' THEN known_paths.since = changes.since
          WHEN changes.change = 'vanished' THEN known_paths.last_seen = changes.last_seen
        END
    )
)

SELECT
  topmost_changes.day,
  topmost_changes.source,
  topmost_changes.event,
  topmost_changes.path,
  topmost_changes.change,
  topmost_changes.json_type,
  topmost_changes.since,
  topmost_changes.last_seen,
  topmost_changes.occurrences,
  CASE WHEN topmost_changes.json_type IS NULL THEN COUNT(known_paths.path) END AS paths_below
FROM topmost_changes
LEFT JOIN known_paths
  ON
    topmost_changes.source = known_paths.source
    AND topmost_changes.event IS NOT DISTINCT FROM known_paths.event
    AND (
      STARTS_WITH(known_paths.path, topmost_changes.path || '.')
      OR STARTS_WITH(known_paths.path, topmost_changes.path || '[')
    )
    AND CASE
      WHEN topmost_changes.change = 'appeared' THEN topmost_changes.since = known_paths.since
      WHEN topmost_changes.change = 'vanished'
        THEN topmost_changes.last_seen = known_paths.last_seen
    END
GROUP BY
  topmost_changes.day,
  topmost_changes.source,
  topmost_changes.event,
  topmost_changes.path,
  topmost_changes.change,
  topmost_changes.json_type,
  topmost_changes.since,
  topmost_changes.last_seen,
  topmost_changes.occurrences
ORDER BY
  topmost_changes.day,
  topmost_changes.source,
  topmost_changes.event,
  topmost_changes.path,
  topmost_changes.change,
  topmost_changes.json_type
