-- One row per path that events of a conversion's name used to have and have lost, per type that a
-- path has lost, and per such event name that its source has lost (path `$`), by whole UTC days of
-- arrival.
--
-- Lost is what its holder (a path's event, a type's path, an event name's source) has not had for
-- more of the holder's days in a row than ever before. How likely that is by chance is for the
-- caller to judge: `hits` of `chances` had it up to its last day, none of the `misses` after. Of a
-- subtree only the topmost path is listed.
--
-- Parameters: $from_day DATE, the first day that is looked at; $to_day DATE, the last whole day;
-- $since_day DATE: what was lost before is left out.
-- Reads: diary_segments, conversion_occurrences.
-- Source: docs/nightly.md, Alerts.
WITH conversion_events AS (
  SELECT DISTINCT
    conversion_occurrences.source,
    conversion_occurrences.inbound_event AS event
  FROM conversion_occurrences
  WHERE
    conversion_occurrences.arrival >= $from_day
    AND conversion_occurrences.inbound_event IS NOT NULL
),

-- As sql/tables/path_days.sql, of the days in question, and of other events only their number:
-- the view over all that ever came takes seconds.
known_path_days AS (
  SELECT
    diary_segments.source,
    diary_segments.event,
    diary_segments.path,
    diary_segments.parent,
    diary_segments.json_type,
    diary_segments.day,
    conversion_events.event IS NOT NULL AS is_conversion,
    SUM(diary_segments.occurrences) AS occurrences,
    SUM(diary_segments.counted_once) AS counted_once
  FROM diary_segments
  LEFT JOIN conversion_events
    ON
      diary_segments.source = conversion_events.source
      AND diary_segments.event = conversion_events.event
  WHERE
    diary_segments.day >= $from_day
    AND diary_segments.day <= $to_day
    AND (diary_segments.path = '$' OR conversion_events.event IS NOT NULL)
  GROUP BY ALL
),

event_path_days AS (
  SELECT
    known_path_days.source,
    known_path_days.event,
    known_path_days.path,
    known_path_days.parent,
    known_path_days.json_type,
    known_path_days.day,
    known_path_days.occurrences,
    SUM(known_path_days.counted_once) OVER (
      PARTITION BY
        known_path_days.source, known_path_days.event, known_path_days.path, known_path_days.day
    ) AS path_occurrences
  FROM known_path_days
  WHERE known_path_days.is_conversion
),

source_days AS (
  SELECT
    known_path_days.source,
    known_path_days.day,
    SUM(known_path_days.occurrences) AS occurrences
  FROM known_path_days
  WHERE known_path_days.path = '$'
  GROUP BY known_path_days.source, known_path_days.day
),

path_occurrences_of_days AS (
  SELECT DISTINCT
    event_path_days.source,
    event_path_days.event,
    event_path_days.path,
    event_path_days.parent,
    event_path_days.day,
    event_path_days.path_occurrences AS occurrences
  FROM event_path_days
),

-- What can be lost, with how often it was there on each day.
held_days AS (
  SELECT
    path_occurrences_of_days.source,
    path_occurrences_of_days.event,
    path_occurrences_of_days.path,
    path_occurrences_of_days.parent,
    NULL AS json_type,
    path_occurrences_of_days.day,
    path_occurrences_of_days.occurrences
  FROM path_occurrences_of_days
  UNION ALL
  SELECT
    event_path_days.source,
    event_path_days.event,
    event_path_days.path,
    event_path_days.parent,
    event_path_days.json_type,
    event_path_days.day,
    event_path_days.occurrences
  FROM event_path_days
  WHERE event_path_days.path <> '$'
),

-- What holds it, with how often that was there on each day, in the order of its days.
holder_days AS (
  SELECT
    holders.*,
    ROW_NUMBER() OVER (
      PARTITION BY holders.level, holders.source, holders.event, holders.path ORDER BY holders.day
    ) AS place
  FROM (
    SELECT
      'source' AS level,
      source_days.source,
      NULL AS event,
      NULL AS path,
      source_days.day,
      source_days.occurrences
    FROM source_days
    UNION ALL
    SELECT
      'event' AS level,
      path_occurrences_of_days.source,
      path_occurrences_of_days.event,
      NULL AS path,
      path_occurrences_of_days.day,
      path_occurrences_of_days.occurrences
    FROM path_occurrences_of_days
    WHERE path_occurrences_of_days.path = '$'
    UNION ALL
    SELECT
      'path' AS level,
      path_occurrences_of_days.source,
      path_occurrences_of_days.event,
      path_occurrences_of_days.path,
      path_occurrences_of_days.day,
      path_occurrences_of_days.occurrences
    FROM path_occurrences_of_days
  ) AS holders
),

spans AS (
  SELECT
    held_days.source,
    held_days.event,
    held_days.path,
    ANY_VALUE(held_days.parent) AS parent,
    held_days.json_type,
    CASE
      WHEN held_days.path = '$' THEN 'source' WHEN held_days.json_type IS NULL THEN 'event'
      ELSE 'path'
    END AS level,
    MIN(held_days.day) AS first_day,
    MAX(held_days.day) AS last_day,
    CAST(SUM(held_days.occurrences) AS BIGINT) AS hits
  FROM held_days
  GROUP BY held_days.source, held_days.event, held_days.path, held_days.json_type
),

holders_of_spans AS (
  SELECT
    spans.*,
    holder_days.day,
    holder_days.place,
    holder_days.occurrences
  FROM spans
  INNER JOIN holder_days
    ON
      spans.level = holder_days.level
      AND spans.source = holder_days.source
      AND CASE WHEN spans.level <> 'source' THEN spans.event END
      IS NOT DISTINCT FROM holder_days.event
      AND CASE WHEN spans.level = 'path' THEN spans.path END
      IS NOT DISTINCT FROM holder_days.path
      AND spans.first_day <= holder_days.day
),

measured AS (
  SELECT
    holders_of_spans.source,
    holders_of_spans.event,
    holders_of_spans.path,
    holders_of_spans.parent,
    holders_of_spans.json_type,
    holders_of_spans.last_day,
    holders_of_spans.hits,
    CAST(
      SUM(holders_of_spans.occurrences)
      FILTER (WHERE holders_of_spans.day <= holders_of_spans.last_day)
      AS BIGINT
    ) AS chances,
    CAST(
      SUM(holders_of_spans.occurrences)
      FILTER (WHERE holders_of_spans.day > holders_of_spans.last_day)
      AS BIGINT
    ) AS misses,
    COUNT(*) FILTER (WHERE holders_of_spans.day > holders_of_spans.last_day) AS days_without,
    MIN(holders_of_spans.day) FILTER (WHERE holders_of_spans.day > holders_of_spans.last_day)
      AS lost_on
  FROM holders_of_spans
  GROUP BY ALL
),

absences AS (
  SELECT
    present.source,
    present.event,
    present.path,
    present.json_type,
    MAX(present.place - present.place_before - 1) AS longest
  FROM (
    SELECT
      holders_of_spans.source,
      holders_of_spans.event,
      holders_of_spans.path,
      holders_of_spans.json_type,
      holders_of_spans.place,
      LAG(holders_of_spans.place) OVER (
        PARTITION BY
          holders_of_spans.source,
          holders_of_spans.event,
          holders_of_spans.path,
          holders_of_spans.json_type
        ORDER BY holders_of_spans.place
      ) AS place_before
    FROM holders_of_spans
    INNER JOIN held_days
      ON
        holders_of_spans.source = held_days.source
        AND holders_of_spans.event = held_days.event
        AND holders_of_spans.path = held_days.path
        AND holders_of_spans.json_type IS NOT DISTINCT FROM held_days.json_type
        AND holders_of_spans.day = held_days.day
  ) AS present
  GROUP BY present.source, present.event, present.path, present.json_type
),

lost AS (
  SELECT measured.*
  FROM measured
  INNER JOIN absences
    ON
      measured.source = absences.source
      AND measured.event = absences.event
      AND measured.path = absences.path
      AND measured.json_type IS NOT DISTINCT FROM absences.json_type
  WHERE
    measured.lost_on >= $since_day
    AND measured.days_without > COALESCE(absences.longest, 0)
)

SELECT
  lost.source,
  lost.event,
  lost.path,
  lost.json_type,
  lost.lost_on,
  lost.hits,
  lost.chances,
  lost.misses
FROM lost
LEFT JOIN lost AS parents
  ON
    lost.source = parents.source
    AND lost.event = parents.event
    AND lost.parent = parents.path
    AND lost.last_day = parents.last_day
    AND parents.json_type IS NULL
    AND lost.json_type IS NULL
WHERE parents.path IS NULL
ORDER BY lost.source, lost.event, lost.path, lost.json_type
