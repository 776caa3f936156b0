-- One row per finding of the chosen runs about a found event or its conversions.
--
-- Reads: findings (of the destinations' chosen runs), explained_conversions,
-- explained_occurrences.
WITH found AS (
  SELECT findings.*
  FROM findings
  WHERE
    EXISTS (
      SELECT 1
      FROM explained_conversions
      WHERE
        explained_conversions.destination = findings.destination
        AND explained_conversions.event_id = findings.event_id
        AND explained_conversions.event = findings.event
    )
    OR EXISTS (
      SELECT 1
      FROM explained_occurrences
      WHERE
        explained_occurrences.source = findings.source
        AND explained_occurrences.message_id = findings.message_id
    )
)

SELECT
  found.run_id,
  found.destination,
  found.finding,
  found.source,
  found.message_id,
  found.event_id,
  found.event,
  found.detail
FROM found
ORDER BY found.destination, found.finding, found.event, found.event_id, found.detail
