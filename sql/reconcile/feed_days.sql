-- One row per destination and UTC day for which a receipts file was imported: the last
-- YYYY-MM-DD in its path, else the days of its attempts. Every path counts, also that of a known
-- or an empty file. Attempts after the instant are ignored, and so are the logs of uploads.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: inbound_paths (one row per path under which a content was seen), upload_files,
-- receipts.
-- Source: DESIGN §4, `coverage = "daily"`.
WITH receipt_paths AS (
  SELECT
    inbound_paths.destination,
    inbound_paths.file_id,
    TRY_CAST(
      REGEXP_EXTRACT(inbound_paths.path, '.*(\d{4}-\d{2}-\d{2})', 1) AS DATE
    ) AS path_day
  FROM inbound_paths
  WHERE
    inbound_paths.kind = 'receipts'
    AND NOT EXISTS (
      SELECT 1
      FROM upload_files
      WHERE
        upload_files.destination = inbound_paths.destination
        AND upload_files.file_id = inbound_paths.file_id
    )
)

SELECT
  receipt_paths.destination,
  receipt_paths.path_day AS feed_day
FROM receipt_paths
WHERE receipt_paths.path_day IS NOT NULL
UNION
SELECT
  receipt_paths.destination,
  receipts.attempted_date AS feed_day
FROM receipt_paths
INNER JOIN receipts
  ON
    receipt_paths.destination = receipts.destination
    AND receipt_paths.file_id = receipts.file_id
WHERE
  receipt_paths.path_day IS NULL
  AND receipts.attempted_at <= $as_of
