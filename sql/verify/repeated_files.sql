-- One row per file that the ledger has more than once for one owner.
--
-- Reads: ledger.
SELECT
  'inbound_files' AS table_name,
  MIN(ledger.path) AS path,
  ledger.file_id,
  'the ledger has it ' || COUNT(*) || ' times (' || ledger.owner_name || ')' AS detail
FROM ledger
GROUP BY ledger.kind, ledger.owner_name, ledger.file_id
HAVING COUNT(*) > 1
ORDER BY ledger.kind, ledger.owner_name, ledger.file_id
