-- One row per kind of feed, source or destination, and reason: the records in quarantine of the
-- files that a run was made from.
--
-- Reads: quarantine, inputs (the run's rows of the import ledger).
-- Source: DESIGN §2, quarantine.
WITH files AS (
  SELECT DISTINCT
    inputs.kind,
    COALESCE(inputs.source, inputs.destination) AS name,
    inputs.file_id
  FROM inputs
)

SELECT
  quarantine.kind,
  quarantine.source AS name,
  quarantine.reason,
  COUNT(*) AS records
FROM quarantine
INNER JOIN files
  ON
    quarantine.kind = files.kind
    AND quarantine.source = files.name
    AND quarantine.file_id = files.file_id
GROUP BY quarantine.kind, quarantine.source, quarantine.reason
ORDER BY quarantine.kind, quarantine.source, quarantine.reason
