-- One row per occurrence of each conversion that a found event belongs to, also those of other
-- events and sources with the same match key. `place` 1 stands for the conversion, over all that
-- has arrived; `differs_in` names in what an occurrence differs from it, of what `variants` counts.
--
-- Reads: explained_occurrences (the found events' occurrences), explained_destinations,
-- conversion_occurrences (one row per destination and selected occurrence).
WITH selected AS (
  SELECT conversion_occurrences.*
  FROM conversion_occurrences
  INNER JOIN explained_destinations
    ON conversion_occurrences.destination = explained_destinations.destination
),

of_found_events AS (
  SELECT selected.*
  FROM selected
  INNER JOIN explained_occurrences
    ON
      selected.source = explained_occurrences.source
      AND selected.file_id = explained_occurrences.file_id
      AND selected.record_number = explained_occurrences.record_number
),

found_keys AS (
  SELECT DISTINCT
    of_found_events.destination,
    of_found_events.event_id,
    of_found_events.event
  FROM of_found_events
  WHERE of_found_events.event_id IS NOT NULL
),

occurrences AS (
  SELECT selected.*
  FROM selected
  INNER JOIN found_keys
    ON
      selected.destination = found_keys.destination
      AND selected.event_id = found_keys.event_id
      AND selected.event = found_keys.event
  UNION ALL
  SELECT of_found_events.*
  FROM of_found_events
  WHERE of_found_events.event_id IS NULL
),

ranked AS (
  SELECT
    occurrences.*,
    CASE
      WHEN occurrences.event_id IS NULL
        THEN CONCAT_WS(' ', occurrences.source, occurrences.file_id, occurrences.record_number)
    END AS place_of_keyless,
    ROW_NUMBER() OVER (
      PARTITION BY
        occurrences.destination,
        occurrences.event,
        occurrences.event_id,
        CASE
          WHEN occurrences.event_id IS NULL
            THEN CONCAT_WS(' ', occurrences.source, occurrences.file_id, occurrences.record_number)
        END
      ORDER BY
        occurrences.arrival NULLS LAST,
        occurrences.file_id,
        occurrences.record_number,
        occurrences.source
    ) AS place
  FROM occurrences
)

SELECT
  ranked.destination,
  ranked.event_id,
  ranked.event,
  ranked.key_tier,
  COALESCE(ranked.further_ids, []) AS further_ids,
  ranked.source,
  ranked.message_id,
  ranked.file_id,
  ranked.record_number,
  ranked.inbound_event,
  ranked.arrival,
  ranked.event_time,
  ranked.order_id,
  ranked.value,
  ranked.currency,
  ranked.suppressed_reason,
  ranked.place,
  CONCAT_WS(
    ',',
    CASE
      WHEN ranked.inbound_event IS DISTINCT FROM first_one.inbound_event THEN 'event'
    END,
    CASE WHEN ranked.content_time IS DISTINCT FROM first_one.content_time THEN 'time' END,
    CASE WHEN ranked.order_id IS DISTINCT FROM first_one.order_id THEN 'order_id' END,
    CASE WHEN ranked.value IS DISTINCT FROM first_one.value THEN 'value' END,
    CASE WHEN ranked.currency IS DISTINCT FROM first_one.currency THEN 'currency' END
  ) AS differs_in
FROM ranked
INNER JOIN ranked AS first_one
  ON
    ranked.destination = first_one.destination
    AND ranked.event = first_one.event
    AND ranked.event_id IS NOT DISTINCT FROM first_one.event_id
    AND ranked.place_of_keyless IS NOT DISTINCT FROM first_one.place_of_keyless
    AND first_one.place = 1
ORDER BY
  ranked.destination,
  ranked.event,
  ranked.event_id,
  ranked.place_of_keyless,
  ranked.place
