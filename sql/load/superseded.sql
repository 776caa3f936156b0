-- One row per event occurrence that an earlier one with the same message id stands for.
--
-- Reads: known_superseded (this table as it was), recurring_ids, recurring_occurrences.
SELECT
  known_superseded.source,
  known_superseded.message_id,
  known_superseded.file_id,
  known_superseded.record_number
FROM known_superseded
WHERE
  NOT EXISTS (
    SELECT 1
    FROM recurring_ids
    WHERE
      recurring_ids.source = known_superseded.source
      AND recurring_ids.message_id = known_superseded.message_id
  )
UNION ALL
SELECT
  recurring_occurrences.source,
  recurring_occurrences.message_id,
  recurring_occurrences.file_id,
  recurring_occurrences.record_number
FROM recurring_occurrences
WHERE recurring_occurrences.occurrence_rank > 1
ORDER BY source, file_id, record_number
