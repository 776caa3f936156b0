-- One row per match key among the receipts, of any outcome, whose event id is on no event that
-- was archived by the instant. Its account day is that of the event time, else of the earliest
-- attempt, within the years 1 to 9999.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: outcomes, event_segments (one row per archived event occurrence), destinations.
-- Source: DESIGN §6.
SELECT
  outcomes.destination,
  outcomes.event_id,
  outcomes.event,
  GREATEST(
    LEAST(
      CAST(
        COALESCE(outcomes.event_time, outcomes.first_attempted_at)
        AT TIME ZONE destinations.account_timezone AS DATE
      ),
      DATE '9999-12-31'
    ),
    DATE '0001-01-01'
  ) AS account_day
FROM outcomes
INNER JOIN destinations
  ON outcomes.destination = destinations.destination
WHERE NOT EXISTS (
  SELECT 1
  FROM event_segments
  WHERE
    event_segments.message_id = outcomes.event_id
    AND COALESCE(event_segments.arrival <= $as_of, TRUE)
)
