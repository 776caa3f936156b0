-- One row per file of the ledger that inbound_paths does not have under any path. What came
-- through a pipe (modified_at is NULL) may have none, nor what is in a zip, which may hold two
-- files of one name.
--
-- Reads: ledger, found_files.
SELECT
  'inbound_paths' AS table_name,
  ledger.path,
  ledger.file_id,
  'no path is kept for this file of the ledger (' || ledger.owner_name || ')' AS detail
FROM ledger
WHERE
  ledger.modified_at IS NOT NULL
  AND ledger.path NOT LIKE '%!/%'
  AND NOT EXISTS (
    SELECT 1
    FROM found_files
    WHERE
      found_files.table_name = 'inbound_paths'
      AND ledger.kind = found_files.kind
      AND ledger.owner_name = found_files.owner_name
      AND ledger.file_id = found_files.file_id
  )
ORDER BY ledger.kind, ledger.owner_name, ledger.file_id
