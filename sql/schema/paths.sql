-- One row per source, event name and JSON path, in the order in which `archiver schema` shows them.
--
-- Parameters: $source VARCHAR, $event VARCHAR (NULL: all).
-- Reads: paths.
SELECT
  paths.source,
  paths.event,
  paths.path,
  paths.types,
  paths.first_day,
  paths.last_day,
  paths.occurrences
FROM paths
WHERE
  ($source IS NULL OR paths.source = $source)
  AND ($event IS NULL OR paths.event = $event)
ORDER BY paths.source, paths.event, paths.path
