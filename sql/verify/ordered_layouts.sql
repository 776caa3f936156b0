-- One row per row of the wanted files' layouts, in the order of the files and of the parts.
--
-- Reads: wanted_files, layouts.
SELECT
  wanted_files.file_number,
  layouts.records,
  layouts.text
FROM layouts
INNER JOIN wanted_files
  ON layouts.source = wanted_files.source AND layouts.file_id = wanted_files.file_id
ORDER BY wanted_files.file_number, layouts.part
