-- One row per conversion that should have been attempted (neither suppressed nor without an id) in
-- those half hours in which a silence may lie; each of the others is one row without an id, which
-- stands for the attempted conversions in it. `stretch` counts the attempted ones up to it, by
-- arrival: what shares a number and was not attempted follows one upon the other. What only uploads
-- attempted counts as not attempted.
--
-- Reads: conversions, slots, unmatched, attempted_names, uploaded_ids.
-- Source: DESIGN §4.
WITH sendable AS (
  SELECT
    conversions.destination,
    conversions.event_id,
    conversions.event,
    conversions.arrival,
    CASE
      WHEN
        unmatched.event_id IS NOT NULL
        AND attempted_names.event_id IS NULL
        THEN 0
      WHEN uploaded_ids.event_id IS NOT NULL THEN 0
      ELSE 1
    END AS is_attempted
  FROM conversions
  INNER JOIN slots
    ON
      conversions.destination = slots.destination
      AND conversions.slot = slots.slot
      AND slots.is_searched
  LEFT JOIN unmatched
    ON
      unmatched.is_conversion
      AND conversions.destination = unmatched.destination
      AND conversions.event_id = unmatched.event_id
      AND conversions.event = unmatched.event
  LEFT JOIN attempted_names
    ON
      conversions.destination = attempted_names.destination
      AND conversions.event_id = attempted_names.event_id
  LEFT JOIN uploaded_ids
    ON
      conversions.destination = uploaded_ids.destination
      AND conversions.event_id = uploaded_ids.event_id
  WHERE
    conversions.suppressed_reason IS NULL
    AND conversions.event_id IS NOT NULL
  UNION ALL
  SELECT
    slots.destination,
    NULL AS event_id,
    NULL AS event,
    slots.slot AS arrival,
    1 AS is_attempted
  FROM slots
  WHERE NOT slots.is_searched
)

SELECT
  sendable.destination,
  sendable.event_id,
  sendable.event,
  sendable.arrival,
  sendable.is_attempted,
  SUM(sendable.is_attempted) OVER (
    PARTITION BY sendable.destination
    ORDER BY sendable.arrival, sendable.event_id, sendable.event
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS stretch
FROM sendable
