-- One row per conversion with exactly one status: the first that holds, in the order of DESIGN §6.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: conversions, destinations, outcomes, attempted_ids, coverage.
WITH aligned AS (
  SELECT
    conversions.*,
    outcomes.resolved_outcome,
    outcomes.code,
    COALESCE(outcomes.attempts, 0) AS attempts,
    outcomes.value AS receipt_value,
    outcomes.currency AS receipt_currency,
    destinations.reports,
    attempted_ids.event_id IS NOT NULL AS is_attempted,
    COALESCE(
      attempted_ids.first_name <> conversions.event
      OR attempted_ids.last_name <> conversions.event,
      FALSE
    ) AS has_other_name,
    conversions.arrival + destinations.retry_window < $as_of AS is_settled,
    EXISTS(
      SELECT 1
      FROM coverage
      WHERE
        coverage.destination = conversions.destination
        AND coverage.starts_at <= conversions.arrival
        AND coverage.ends_at > conversions.arrival + destinations.retry_window
    ) AS is_covered
  FROM conversions
  INNER JOIN destinations
    ON conversions.destination = destinations.destination
  LEFT JOIN outcomes
    ON
      conversions.destination = outcomes.destination
      AND conversions.event_id = outcomes.event_id
      AND conversions.event = outcomes.event
  LEFT JOIN attempted_ids
    ON
      conversions.destination = attempted_ids.destination
      AND conversions.event_id = attempted_ids.event_id
),

inferred AS (
  SELECT
    aligned.*,
    aligned.reports = 'failures'
    AND aligned.is_settled
    AND aligned.is_covered
    AND aligned.event_id IS NOT NULL
    AND NOT aligned.is_attempted AS is_inferred
  FROM aligned
),

classified AS (
  SELECT
    inferred.*,
    CASE
      WHEN inferred.suppressed_reason IS NOT NULL THEN 'suppressed'
      WHEN inferred.resolved_outcome = 'accepted' OR inferred.is_inferred THEN 'accepted'
      WHEN inferred.variants > 1 THEN 'conflict'
      WHEN inferred.resolved_outcome = 'rejected' THEN 'rejected'
      WHEN NOT inferred.is_settled THEN 'pending'
      WHEN inferred.resolved_outcome = 'unknown' OR inferred.has_other_name THEN 'ambiguous'
      WHEN inferred.resolved_outcome = 'failed' THEN 'failed'
      WHEN inferred.event_id IS NULL OR NOT inferred.is_covered THEN 'unknown'
      ELSE 'missing'
    END AS status
  FROM inferred
)

SELECT
  classified.destination,
  classified.source,
  classified.file_id,
  classified.record_number,
  classified.message_id,
  classified.event_id,
  classified.event,
  classified.account_day,
  classified.arrival,
  classified.event_time,
  classified.status,
  CASE
    WHEN classified.status = 'suppressed' THEN classified.suppressed_reason
    WHEN classified.status = 'accepted'
      THEN NULLIF(
        CONCAT_WS(
          ',',
          CASE WHEN classified.is_inferred THEN 'inferred' END,
          CASE WHEN classified.variants > 1 THEN 'conflict_accepted' END,
          CASE
            WHEN
              classified.value <> classified.receipt_value
              OR (
                classified.value IS NOT NULL
                AND classified.receipt_value IS NOT NULL
                AND classified.currency <> 'XXX'
                AND classified.currency <> classified.receipt_currency
              )
              THEN 'value_mismatch'
          END
        ),
        ''
      )
    WHEN classified.status = 'conflict' THEN 'different_contents'
    WHEN classified.status = 'rejected' THEN 'refused'
    WHEN classified.status = 'pending' THEN 'retry_window'
    WHEN classified.status = 'ambiguous' AND classified.resolved_outcome = 'unknown'
      THEN 'may_have_landed'
    WHEN classified.status = 'ambiguous' THEN 'other_event_name'
    WHEN classified.status = 'failed' THEN 'not_delivered'
    WHEN classified.status = 'unknown' AND classified.event_id IS NULL THEN 'no_key'
    WHEN classified.status = 'unknown' THEN 'not_covered'
    ELSE 'no_receipt'
  END AS reason,
  classified.value,
  classified.currency,
  classified.attempts,
  classified.resolved_outcome,
  classified.code,
  classified.backfill_deadline,
  classified.is_settled,
  classified.is_covered
FROM classified
