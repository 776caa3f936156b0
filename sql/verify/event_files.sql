-- One row per inbound file of events, and whether its layout is kept and all of its records are.
--
-- Parameters: only_source (VARCHAR): one source only; NULL: all.
-- Reads: inbound_files, layouts, deleted_rows.
WITH files AS (
  SELECT
    inbound_files.source,
    inbound_files.file_id,
    MIN(inbound_files.path) AS path,
    MIN(inbound_files.format) AS format_name,
    MIN(inbound_files.records) AS records,
    MIN(inbound_files.bytes) AS size_bytes
  FROM inbound_files
  WHERE
    inbound_files.kind = 'events'
    AND inbound_files.source = COALESCE($only_source, inbound_files.source)
  GROUP BY inbound_files.source, inbound_files.file_id
),

laid_out AS (
  SELECT DISTINCT
    layouts.source,
    layouts.file_id
  FROM layouts
  WHERE
    NOT EXISTS (
      SELECT 1
      FROM deleted_rows
      WHERE
        deleted_rows.kind = 'events'
        AND deleted_rows.source = layouts.source
        AND deleted_rows.file_id = layouts.file_id
    )
)

SELECT
  files.source,
  files.file_id,
  files.path,
  files.format_name,
  files.records,
  files.size_bytes,
  laid_out.file_id IS NOT NULL AS is_laid_out
FROM files
LEFT JOIN laid_out ON files.source = laid_out.source AND files.file_id = laid_out.file_id
ORDER BY files.source, files.file_id
