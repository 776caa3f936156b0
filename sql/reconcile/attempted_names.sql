-- One row per event id whose attempts may name another event than a conversion of it does, with
-- the first and last of the names: a conversion whose own name is not both of them has receipts
-- under another name. Both are NULL where no attempt names an event.
--
-- Only ids that stand more than once on a side, or among the receipts without a conversion of
-- their name, can have one.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: attempts, unmatched, recurring_ids,
-- recurring_attempts.
WITH doubtful_ids AS (
  SELECT
    unmatched.destination,
    unmatched.event_id
  FROM unmatched
  WHERE NOT unmatched.is_conversion
  UNION
  SELECT
    recurring_ids.destination,
    recurring_ids.event_id
  FROM recurring_ids
  UNION
  SELECT
    recurring_attempts.destination,
    recurring_attempts.event_id
  FROM recurring_attempts
)

SELECT
  attempts.destination,
  attempts.event_id,
  MIN(attempts.event_name) AS first_name,
  MAX(attempts.event_name) AS last_name
FROM attempts
INNER JOIN doubtful_ids
  ON
    attempts.destination = doubtful_ids.destination
    AND attempts.event_id = doubtful_ids.event_id
WHERE attempts.attempted_at <= $as_of
GROUP BY attempts.destination, attempts.event_id
