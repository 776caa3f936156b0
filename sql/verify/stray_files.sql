-- One row per table and inbound file that has rows in it and is not in the ledger.
--
-- Reads: ledger, found_files.
SELECT
  found_files.table_name,
  CAST(NULL AS VARCHAR) AS path,
  found_files.file_id,
  found_files.row_count || ' rows of a file that is not in the ledger ('
  || found_files.owner_name || ')' AS detail
FROM found_files
WHERE
  NOT EXISTS (
    SELECT 1
    FROM ledger
    WHERE
      ledger.kind = found_files.kind
      AND ledger.owner_name = found_files.owner_name
      AND ledger.file_id = found_files.file_id
  )
ORDER BY found_files.table_name, found_files.owner_name, found_files.file_id
