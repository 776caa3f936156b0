-- One row per row of the ledger that does not add up, or whose rows in the tables are not as many
-- as it says, or are not numbered from 0 to its last record (that each number stands there once
-- is the question of repeated_records). What retention deleted counts as found.
--
-- Reads: ledger, found_files, deleted_rows.
WITH deleted AS (
  SELECT
    deleted_rows.kind,
    COALESCE(deleted_rows.source, deleted_rows.destination) AS owner_name,
    deleted_rows.file_id,
    CAST(
      SUM(CASE WHEN deleted_rows.table_name = 'quarantine' THEN 0 ELSE deleted_rows.rows END)
      AS BIGINT
    ) AS row_count,
    CAST(
      SUM(CASE WHEN deleted_rows.table_name = 'quarantine' THEN deleted_rows.rows ELSE 0 END)
      AS BIGINT
    ) AS quarantined
  FROM deleted_rows
  GROUP BY
    deleted_rows.kind,
    COALESCE(deleted_rows.source, deleted_rows.destination),
    deleted_rows.file_id
),

counted AS (
  SELECT
    ledger.kind,
    ledger.owner_name,
    ledger.file_id,
    ledger.path,
    ledger.records,
    ledger.archived,
    ledger.quarantined,
    ledger.row_count,
    COALESCE(archived.row_count, 0) + COALESCE(deleted.row_count, 0) AS found_rows,
    COALESCE(quarantined.row_count, 0) + COALESCE(deleted.quarantined, 0) AS found_quarantined,
    deleted.file_id IS NULL AS is_whole,
    LEAST(archived.first_record, quarantined.first_record) AS first_record,
    GREATEST(archived.last_record, quarantined.last_record) AS last_record
  FROM ledger
  LEFT JOIN found_files AS archived
    ON
      archived.table_name IN ('events', 'receipts', 'receipt_totals')
      AND ledger.kind = archived.kind
      AND ledger.owner_name = archived.owner_name
      AND ledger.file_id = archived.file_id
  LEFT JOIN found_files AS quarantined
    ON
      quarantined.table_name = 'quarantine'
      AND ledger.kind = quarantined.kind
      AND ledger.owner_name = quarantined.owner_name
      AND ledger.file_id = quarantined.file_id
  LEFT JOIN deleted
    ON
      ledger.kind = deleted.kind
      AND ledger.owner_name = deleted.owner_name
      AND ledger.file_id = deleted.file_id
)

SELECT
  counted.kind AS table_name,
  counted.path,
  counted.file_id,
  'the ledger says ' || counted.records || ' records: ' || counted.row_count || ' rows of '
  || counted.archived || ' and ' || counted.quarantined || ' in quarantine; found '
  || counted.found_rows || ' and ' || counted.found_quarantined
  || CASE
    WHEN counted.first_record IS NULL THEN ''
    ELSE ', numbered ' || counted.first_record || ' to ' || counted.last_record
  END
  || ' (' || counted.owner_name || ')' AS detail
FROM counted
WHERE
  counted.records IS DISTINCT FROM counted.archived + counted.quarantined
  OR counted.row_count IS DISTINCT FROM counted.found_rows
  OR counted.quarantined IS DISTINCT FROM counted.found_quarantined
  OR (
    counted.kind = 'events'
    AND (
      counted.archived IS DISTINCT FROM counted.row_count
      OR (counted.is_whole AND COALESCE(counted.first_record, 0) IS DISTINCT FROM 0)
      OR (
        counted.is_whole AND COALESCE(counted.last_record, -1) IS DISTINCT FROM counted.records - 1
      )
    )
  )
ORDER BY counted.kind, counted.owner_name, counted.file_id
