-- One row per imported file that one of two runs was made from and the other was not, or with
-- another number of archived records: a retry of quarantined records adds to a known file.
--
-- Reads: inputs, previous_inputs (the ledger rows of the run and of the one before it).
WITH current_files AS (
  SELECT
    inputs.kind,
    COALESCE(inputs.source, inputs.destination) AS owner,
    inputs.file_id,
    inputs.archived,
    inputs.rows
  FROM inputs
),

previous_files AS (
  SELECT
    previous_inputs.kind,
    COALESCE(previous_inputs.source, previous_inputs.destination) AS owner,
    previous_inputs.file_id,
    previous_inputs.archived,
    previous_inputs.rows
  FROM previous_inputs
)

SELECT
  COALESCE(current_files.kind, previous_files.kind) AS kind,
  COALESCE(current_files.owner, previous_files.owner) AS owner,
  COALESCE(current_files.file_id, previous_files.file_id) AS file_id
FROM current_files
FULL OUTER JOIN previous_files
  ON
    current_files.kind = previous_files.kind
    AND current_files.owner = previous_files.owner
    AND current_files.file_id = previous_files.file_id
WHERE
  current_files.archived IS DISTINCT FROM previous_files.archived
  OR current_files.rows IS DISTINCT FROM previous_files.rows
