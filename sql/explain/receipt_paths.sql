-- One row per receipts file of the explained attempts: every path under which it was seen.
--
-- Reads: explained_attempts, inbound_files, inbound_paths.
WITH files AS (
  SELECT DISTINCT
    explained_attempts.destination,
    explained_attempts.file_id
  FROM explained_attempts
),

known_paths AS (
  SELECT
    inbound_files.destination,
    inbound_files.file_id,
    inbound_files.path
  FROM inbound_files
  WHERE inbound_files.kind = 'receipts'
  UNION
  SELECT
    inbound_paths.destination,
    inbound_paths.file_id,
    inbound_paths.path
  FROM inbound_paths
  WHERE inbound_paths.kind = 'receipts'
)

SELECT
  files.destination,
  files.file_id,
  LIST(known_paths.path ORDER BY known_paths.path) AS paths
FROM files
INNER JOIN known_paths
  ON
    files.destination = known_paths.destination
    AND files.file_id = known_paths.file_id
WHERE known_paths.path IS NOT NULL
GROUP BY files.destination, files.file_id
ORDER BY files.destination, files.file_id
