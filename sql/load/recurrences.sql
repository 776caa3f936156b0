-- One row per source and message id that occurs more than once: how often, and with how many
-- different contents (event name, time, order, value, currency).
--
-- Reads: known_recurrences (this table as it was), recurring_ids, recurring_occurrences.
WITH contents AS (
  SELECT DISTINCT
    recurring_occurrences.source,
    recurring_occurrences.message_id,
    recurring_occurrences.event,
    recurring_occurrences.content_time,
    recurring_occurrences.order_id,
    recurring_occurrences.value,
    recurring_occurrences.currency
  FROM recurring_occurrences
),

content_counts AS (
  SELECT
    contents.source,
    contents.message_id,
    COUNT(*) AS variants
  FROM contents
  GROUP BY contents.source, contents.message_id
),

occurrence_counts AS (
  SELECT
    recurring_occurrences.source,
    recurring_occurrences.message_id,
    COUNT(*) AS occurrences
  FROM recurring_occurrences
  GROUP BY recurring_occurrences.source, recurring_occurrences.message_id
)

SELECT
  known_recurrences.source,
  known_recurrences.message_id,
  known_recurrences.occurrences,
  known_recurrences.variants
FROM known_recurrences
WHERE
  NOT EXISTS (
    SELECT 1
    FROM recurring_ids
    WHERE
      recurring_ids.source = known_recurrences.source
      AND recurring_ids.message_id = known_recurrences.message_id
  )
UNION ALL
SELECT
  occurrence_counts.source,
  occurrence_counts.message_id,
  occurrence_counts.occurrences,
  content_counts.variants
FROM occurrence_counts
INNER JOIN content_counts
  ON
    occurrence_counts.source = content_counts.source
    AND occurrence_counts.message_id = content_counts.message_id
ORDER BY source, message_id
