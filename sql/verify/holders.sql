-- One row per data file and inbound file that has rows in it.
--
-- Reads: rows_with_filename (of one table).
SELECT DISTINCT
  rows_with_filename.filename,
  rows_with_filename.source,
  rows_with_filename.file_id
FROM rows_with_filename
