-- One row per record of the wanted files, in the order of the files and of the records in them. The
-- envelope, which of a batch stands in each row, is left out where the format does not need it.
--
-- Parameters: first_record, last_record: record numbers, both included.
-- Reads: wanted_files, events, quarantine.
WITH records AS (
  SELECT
    events.source,
    events.file_id,
    events.record_number,
    ENCODE(events.payload) AS data,
    CASE WHEN wanted_files.needs_envelope THEN ENCODE(events.envelope) END AS envelope,
    TRUE AS is_event
  FROM events
  INNER JOIN wanted_files
    ON events.source = wanted_files.source AND events.file_id = wanted_files.file_id
  WHERE events.record_number BETWEEN $first_record AND $last_record
  UNION ALL
  SELECT
    quarantine.source,
    quarantine.file_id,
    quarantine.record_number,
    quarantine.data,
    NULL AS envelope,
    FALSE AS is_event
  FROM quarantine
  WHERE
    quarantine.kind = 'events'
    AND quarantine.record_number BETWEEN $first_record AND $last_record
)

SELECT
  wanted_files.file_number,
  records.data,
  records.envelope,
  records.is_event
FROM records
INNER JOIN wanted_files
  ON records.source = wanted_files.source AND records.file_id = wanted_files.file_id
ORDER BY wanted_files.file_number, records.record_number
