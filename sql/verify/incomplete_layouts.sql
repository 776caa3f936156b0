-- One row per inbound file of events whose layout does not cover exactly its records, has a part
-- twice, or is missing although its format has one and the file is not empty.
--
-- Parameters: text_formats (VARCHAR[]), the formats that have a layout.
-- Reads: ledger, found_files, layouts.
WITH repeated_parts AS (
  SELECT
    layouts.source,
    layouts.file_id
  FROM layouts
  GROUP BY layouts.source, layouts.file_id
  HAVING COUNT(*) > COUNT(DISTINCT layouts.part)
)

SELECT
  'layouts' AS table_name,
  ledger.path,
  ledger.file_id,
  CASE
    WHEN found_files.file_id IS NULL THEN 'it has no layout, so it cannot be rebuilt'
    ELSE 'its layout is for ' || found_files.records || ' of ' || ledger.records || ' records'
  END
  || CASE WHEN repeated_parts.file_id IS NULL THEN '' ELSE ', and has a part twice' END
  || ' (' || ledger.owner_name || ')' AS detail
FROM ledger
LEFT JOIN found_files
  ON
    found_files.table_name = 'layouts'
    AND ledger.kind = found_files.kind
    AND ledger.owner_name = found_files.owner_name
    AND ledger.file_id = found_files.file_id
LEFT JOIN repeated_parts
  ON ledger.owner_name = repeated_parts.source AND ledger.file_id = repeated_parts.file_id
WHERE
  ledger.kind = 'events'
  AND (found_files.file_id IS NOT NULL OR LIST_CONTAINS($text_formats, ledger.format))
  AND (ledger.bytes > 0 OR found_files.file_id IS NOT NULL)
  AND (
    ledger.records IS DISTINCT FROM found_files.records
    OR found_files.file_id IS NULL
    OR repeated_parts.file_id IS NOT NULL
  )
ORDER BY ledger.owner_name, ledger.file_id
