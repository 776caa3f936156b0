-- One row per event id that has any attempt by the instant, under whatever name, with the first
-- and last of the names: a conversion whose own name is not both of them has receipts under
-- another name.
--
-- Reads: outcomes.
SELECT
  outcomes.destination,
  outcomes.event_id,
  MIN(outcomes.event) AS first_name,
  MAX(outcomes.event) AS last_name
FROM outcomes
GROUP BY outcomes.destination, outcomes.event_id
