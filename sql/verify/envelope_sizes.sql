-- One row per inbound file of the given formats: the bytes of its envelopes, each as often as it
-- stands in a row.
--
-- Parameters: envelope_formats (VARCHAR[]), the formats whose records are rebuilt from envelopes.
-- Reads: inbound_files, events.
WITH files AS (
  SELECT
    inbound_files.source,
    inbound_files.file_id
  FROM inbound_files
  WHERE
    inbound_files.kind = 'events'
    AND LIST_CONTAINS($envelope_formats, inbound_files.format)
  GROUP BY inbound_files.source, inbound_files.file_id
)

SELECT
  files.source,
  files.file_id,
  COALESCE(SUM(STRLEN(events.envelope)), 0)::BIGINT AS size_bytes
FROM files
INNER JOIN events ON files.source = events.source AND files.file_id = events.file_id
GROUP BY files.source, files.file_id
ORDER BY files.source, files.file_id
