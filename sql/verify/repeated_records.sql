-- One row per inbound file of which a record stands in events and quarantine more than once.
-- Receipts are left out: one record may hold several.
--
-- Reads: ledger, events, quarantine.
WITH files AS (
  SELECT
    ledger.kind,
    ledger.owner_name,
    ledger.file_id,
    ledger.file_number,
    MIN(ledger.path) AS path
  FROM ledger
  GROUP BY ledger.kind, ledger.owner_name, ledger.file_id, ledger.file_number
),

records AS (
  SELECT
    files.file_number,
    events.record_number
  FROM events
  INNER JOIN files
    ON
      files.kind = 'events'
      AND events.source = files.owner_name
      AND events.file_id = files.file_id
  UNION ALL
  SELECT
    files.file_number,
    quarantine.record_number
  FROM quarantine
  INNER JOIN files
    ON
      quarantine.kind = files.kind
      AND quarantine.source = files.owner_name
      AND quarantine.file_id = files.file_id
),

repeated AS (
  SELECT
    records.file_number,
    records.record_number,
    COUNT(*) AS occurrences
  FROM records
  GROUP BY records.file_number, records.record_number
  HAVING COUNT(*) > 1
)

SELECT
  files.kind AS table_name,
  files.path,
  files.file_id,
  COUNT(*) || ' of its records stand there more than once, the first being '
  || MIN(repeated.record_number) || ' (' || files.owner_name || ')' AS detail
FROM repeated
INNER JOIN files ON repeated.file_number = files.file_number
GROUP BY files.kind, files.owner_name, files.file_id, files.path
ORDER BY files.kind, files.owner_name, files.file_id
