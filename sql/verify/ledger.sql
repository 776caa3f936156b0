-- One row per row of the import ledger, with a number for each file of each owner.
--
-- Reads: inbound_files.
SELECT
  inbound_files.kind,
  COALESCE(inbound_files.source, inbound_files.destination) AS owner_name,
  inbound_files.file_id,
  inbound_files.path,
  inbound_files.format,
  inbound_files.bytes,
  inbound_files.records,
  inbound_files.archived,
  inbound_files.quarantined,
  inbound_files.rows AS row_count,
  inbound_files.modified_at,
  DENSE_RANK() OVER (
    ORDER BY
      inbound_files.kind,
      COALESCE(inbound_files.source, inbound_files.destination),
      inbound_files.file_id
  ) AS file_number
FROM inbound_files
