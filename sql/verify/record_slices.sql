-- One row per slice of one large file: the numbers of its first and last record. A slice has about
-- as many bytes as the parameter says, or is one record.
--
-- Parameters: slice_bytes.
-- Reads: wanted_files (one), events, quarantine.
WITH sizes AS (
  SELECT
    events.record_number,
    STRLEN(events.payload)
    + CASE WHEN wanted_files.needs_envelope THEN COALESCE(STRLEN(events.envelope), 0) ELSE 0 END
      AS size_bytes
  FROM events
  INNER JOIN wanted_files
    ON events.source = wanted_files.source AND events.file_id = wanted_files.file_id
  UNION ALL
  SELECT
    quarantine.record_number,
    OCTET_LENGTH(quarantine.data) AS size_bytes
  FROM quarantine
  INNER JOIN wanted_files
    ON quarantine.source = wanted_files.source AND quarantine.file_id = wanted_files.file_id
  WHERE quarantine.kind = 'events'
),

sliced AS (
  SELECT
    sizes.record_number,
    SUM(sizes.size_bytes) OVER (ORDER BY sizes.record_number) // $slice_bytes AS slice
  FROM sizes
)

SELECT
  MIN(sliced.record_number) AS first_record,
  MAX(sliced.record_number) AS last_record
FROM sliced
GROUP BY sliced.slice
ORDER BY first_record
