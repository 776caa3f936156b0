-- One row per match key that stands on one side only: a conversion without receipts under its own
-- name, or receipts without a conversion of their name.
--
-- Reads: conversions, outcomes.
WITH keyed_conversions AS (
  SELECT
    conversions.destination,
    conversions.event_id,
    conversions.event,
    conversions.arrival,
    conversions.slot,
    conversions.suppressed_reason
  FROM conversions
  WHERE conversions.event_id IS NOT NULL
)

SELECT
  COALESCE(keyed_conversions.destination, outcomes.destination) AS destination,
  COALESCE(keyed_conversions.event_id, outcomes.event_id) AS event_id,
  COALESCE(keyed_conversions.event, outcomes.event) AS event,
  keyed_conversions.event_id IS NOT NULL AS is_conversion,
  keyed_conversions.arrival,
  keyed_conversions.slot,
  keyed_conversions.suppressed_reason,
  outcomes.first_attempted_at,
  outcomes.event_time
FROM keyed_conversions
FULL OUTER JOIN outcomes
  ON
    keyed_conversions.destination = outcomes.destination
    AND keyed_conversions.event_id = outcomes.event_id
    AND keyed_conversions.event = outcomes.event
WHERE
  keyed_conversions.event_id IS NULL
  OR outcomes.event_id IS NULL
