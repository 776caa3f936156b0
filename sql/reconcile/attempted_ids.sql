-- One row per event id that has any attempt by the instant, under whatever name, with the first
-- and last of the names: a conversion whose own name is not both of them has receipts under
-- another name. Both are NULL where no attempt names an event.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: receipts (one row per attempt per event).
SELECT
  receipts.destination,
  receipts.event_id,
  MIN(receipts.event_name) AS first_name,
  MAX(receipts.event_name) AS last_name
FROM receipts
WHERE
  receipts.attempted_at <= $as_of
  AND receipts.event_id IS NOT NULL
GROUP BY receipts.destination, receipts.event_id
