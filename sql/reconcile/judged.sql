-- One row per conversion with exactly one status: the first that holds, in the order of DESIGN §6.
-- `other_amount` is the receipt's, where it differs.
--
-- Parameters: $run_id VARCHAR, $as_of TIMESTAMPTZ.
-- Reads: conversions, destinations, outcomes, attempted_names, shared_ids,
-- covered_slots.
-- Source: DESIGN §6, docs/reconciliation.md.
WITH aligned AS (
  SELECT
    conversions.*,
    outcomes.resolved_outcome,
    outcomes.code,
    COALESCE(outcomes.attempts, 0) AS attempts,
    CASE WHEN outcomes.tier = 0 THEN conversions.key_tier ELSE outcomes.tier END AS match_tier,
    outcomes.value AS receipt_value,
    outcomes.currency AS receipt_currency,
    destinations.reports,
    outcomes.event_id IS NOT NULL OR attempted_names.event_id IS NOT NULL AS is_attempted,
    COALESCE(
      attempted_names.first_name <> conversions.event
      OR attempted_names.last_name <> conversions.event,
      FALSE
    ) AS has_other_name,
    outcomes.event_id IS NULL AND shared_ids.event_id IS NOT NULL AS is_shared,
    conversions.arrival + destinations.retry_window < $as_of AS is_settled,
    covered_slots.slot IS NOT NULL AS is_covered
  FROM conversions
  INNER JOIN destinations
    ON conversions.destination = destinations.destination
  LEFT JOIN outcomes
    ON
      conversions.destination = outcomes.destination
      AND conversions.event_id = outcomes.event_id
      AND conversions.event = outcomes.event
  LEFT JOIN attempted_names
    ON
      conversions.destination = attempted_names.destination
      AND conversions.event_id = attempted_names.event_id
  LEFT JOIN shared_ids
    ON
      conversions.destination = shared_ids.destination
      AND conversions.event_id = shared_ids.event_id
      AND conversions.event = shared_ids.event
  LEFT JOIN covered_slots
    ON
      conversions.destination = covered_slots.destination
      AND conversions.slot = covered_slots.slot
      AND conversions.arrival >= covered_slots.starts_at
      AND conversions.arrival + destinations.retry_window < covered_slots.ends_at
),

inferred AS (
  SELECT
    aligned.*,
    aligned.reports = 'failures'
    AND aligned.is_settled
    AND aligned.is_covered
    AND aligned.event_id IS NOT NULL
    AND NOT aligned.is_attempted
    AND NOT aligned.is_shared AS is_inferred,
    COALESCE(
      aligned.value <> aligned.receipt_value
      OR (
        aligned.value IS NOT NULL
        AND aligned.receipt_value IS NOT NULL
        AND aligned.currency <> 'XXX'
        AND aligned.currency <> aligned.receipt_currency
      ),
      FALSE
    ) AS is_mismatch
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
      WHEN
        inferred.resolved_outcome = 'unknown'
        OR inferred.is_shared
        OR inferred.has_other_name
        THEN 'ambiguous'
      WHEN inferred.resolved_outcome = 'failed' THEN 'failed'
      WHEN inferred.event_id IS NULL THEN 'unknown'
      WHEN inferred.reports = 'totals' OR NOT inferred.is_covered THEN 'unknown'
      ELSE 'missing'
    END AS status
  FROM inferred
)

SELECT
  $run_id AS run_id,
  classified.destination,
  classified.source,
  classified.message_id,
  classified.event_id,
  classified.event,
  classified.account_day,
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
          CASE WHEN classified.is_mismatch THEN 'value_mismatch' END
        ),
        ''
      )
    WHEN classified.status = 'conflict' THEN 'different_contents'
    WHEN classified.status = 'rejected' THEN 'refused'
    WHEN classified.status = 'pending' THEN 'retry_window'
    WHEN classified.status = 'ambiguous' AND classified.resolved_outcome = 'unknown'
      THEN 'may_have_landed'
    WHEN classified.status = 'ambiguous' AND classified.is_shared THEN 'shared_key'
    WHEN classified.status = 'ambiguous' THEN 'other_event_name'
    WHEN classified.status = 'failed' THEN 'not_delivered'
    WHEN classified.status = 'unknown' AND classified.event_id IS NULL THEN 'no_key'
    WHEN classified.status = 'unknown' AND classified.reports = 'totals' THEN 'totals_only'
    WHEN classified.status = 'unknown' THEN 'not_covered'
    ELSE 'no_receipt'
  END AS reason,
  classified.value,
  classified.currency,
  classified.attempts,
  classified.resolved_outcome,
  classified.code,
  classified.match_tier,
  classified.backfill_deadline,
  classified.arrival,
  classified.file_id,
  classified.record_number,
  classified.is_settled,
  classified.is_covered,
  CASE
    WHEN classified.is_mismatch
      THEN CONCAT_WS(
        ' ',
        RTRIM(RTRIM(CAST(classified.receipt_value AS VARCHAR), '0'), '.'),
        classified.receipt_currency
      )
  END AS other_amount,
  classified.variants > 1 AS is_conflict
FROM classified
