-- One row per table and inbound file that has rows in it: how many, how many records they stand
-- for (a layout's row for several), and the first and last record number where they have one.
--
-- Reads: events, receipts, receipt_totals, quarantine, layouts, inbound_paths (live data files).
SELECT
  'events' AS table_name,
  'events' AS kind,
  events.source AS owner_name,
  events.file_id,
  COUNT(*) AS row_count,
  COUNT(*) AS records,
  MIN(events.record_number) AS first_record,
  MAX(events.record_number) AS last_record
FROM events
GROUP BY events.source, events.file_id
UNION ALL
SELECT
  'receipts' AS table_name,
  'receipts' AS kind,
  receipts.destination AS owner_name,
  receipts.file_id,
  COUNT(*) AS row_count,
  NULL AS records,
  MIN(receipts.record_number) AS first_record,
  MAX(receipts.record_number) AS last_record
FROM receipts
GROUP BY receipts.destination, receipts.file_id
UNION ALL
SELECT
  'receipt_totals' AS table_name,
  'totals' AS kind,
  receipt_totals.destination AS owner_name,
  receipt_totals.file_id,
  COUNT(*) AS row_count,
  NULL AS records,
  MIN(receipt_totals.record_number) AS first_record,
  MAX(receipt_totals.record_number) AS last_record
FROM receipt_totals
GROUP BY receipt_totals.destination, receipt_totals.file_id
UNION ALL
SELECT
  'quarantine' AS table_name,
  quarantine.kind,
  quarantine.source AS owner_name,
  quarantine.file_id,
  COUNT(*) AS row_count,
  COUNT(*) AS records,
  MIN(quarantine.record_number) AS first_record,
  MAX(quarantine.record_number) AS last_record
FROM quarantine
GROUP BY quarantine.kind, quarantine.source, quarantine.file_id
UNION ALL
SELECT
  'layouts' AS table_name,
  'events' AS kind,
  layouts.source AS owner_name,
  layouts.file_id,
  COUNT(*) AS row_count,
  CAST(SUM(layouts.records) AS BIGINT) AS records,
  NULL AS first_record,
  NULL AS last_record
FROM layouts
GROUP BY layouts.source, layouts.file_id
UNION ALL
SELECT
  'inbound_paths' AS table_name,
  inbound_paths.kind,
  COALESCE(inbound_paths.source, inbound_paths.destination) AS owner_name,
  inbound_paths.file_id,
  COUNT(*) AS row_count,
  NULL AS records,
  NULL AS first_record,
  NULL AS last_record
FROM inbound_paths
GROUP BY
  inbound_paths.kind,
  COALESCE(inbound_paths.source, inbound_paths.destination),
  inbound_paths.file_id
