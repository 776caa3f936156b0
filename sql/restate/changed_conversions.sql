-- One row per conversion of one destination that counts otherwise in a run than in the run before
-- it (another status, account day, amount or currency, or in one of them only), with its reason:
-- the first that holds of late_events, late_receipts, coverage, settled, rule_change, other.
--
-- A conversion is the same in both by its match key; one without an id by its file and record.
-- What makes a conversion late holds in both directions, since the run before may also be the one
-- with the later instant. Of a conversion that became a conflict, or is none any more, the other
-- occurrence is not known: it is late where events came at all.
--
-- Parameters: $destination VARCHAR, $as_of TIMESTAMPTZ and $previous_as_of TIMESTAMPTZ (the
-- instants of both runs), $is_rule_change BOOLEAN (settings, rules or program differ).
-- Reads: reconciliation, previous_reconciliation (of one run each), differing_files.
-- Source of rules: docs/reconciliation.md, Restatements.
WITH current_conversions AS (
  SELECT
    reconciliation.source,
    reconciliation.event_id,
    reconciliation.event,
    reconciliation.account_day,
    reconciliation.status,
    reconciliation.reason,
    reconciliation.value,
    CASE WHEN reconciliation.value IS NOT NULL THEN reconciliation.currency END AS currency,
    reconciliation.attempts,
    reconciliation.resolved_outcome,
    reconciliation.code,
    reconciliation.arrival,
    reconciliation.file_id,
    reconciliation.record_number,
    COALESCE(reconciliation.event_id, '') AS key_id,
    CASE WHEN reconciliation.event_id IS NULL THEN '' ELSE reconciliation.event END AS key_event,
    CASE WHEN reconciliation.event_id IS NULL THEN reconciliation.source ELSE '' END AS key_source,
    CASE WHEN reconciliation.event_id IS NULL THEN reconciliation.file_id ELSE '' END AS key_file,
    CASE WHEN reconciliation.event_id IS NULL THEN reconciliation.record_number ELSE 0 END
      AS key_record
  FROM reconciliation
  WHERE reconciliation.destination = $destination
),

previous_conversions AS (
  SELECT
    previous.source,
    previous.event_id,
    previous.event,
    previous.account_day,
    previous.status,
    previous.reason,
    previous.value,
    CASE WHEN previous.value IS NOT NULL THEN previous.currency END AS currency,
    previous.attempts,
    previous.resolved_outcome,
    previous.code,
    previous.arrival,
    previous.file_id,
    previous.record_number,
    COALESCE(previous.event_id, '') AS key_id,
    CASE WHEN previous.event_id IS NULL THEN '' ELSE previous.event END AS key_event,
    CASE WHEN previous.event_id IS NULL THEN previous.source ELSE '' END AS key_source,
    CASE WHEN previous.event_id IS NULL THEN previous.file_id ELSE '' END AS key_file,
    CASE WHEN previous.event_id IS NULL THEN previous.record_number ELSE 0 END AS key_record
  FROM previous_reconciliation AS previous
  WHERE previous.destination = $destination
),

changed AS (
  SELECT
    COALESCE(later.source, earlier.source) AS source,
    COALESCE(later.event_id, earlier.event_id) AS event_id,
    earlier.event AS event_before,
    later.event,
    earlier.account_day AS account_day_before,
    later.account_day,
    earlier.status AS status_before,
    later.status,
    later.status IS NOT NULL AND earlier.status IS NOT NULL AS is_in_both,
    COALESCE(
      later.source <> earlier.source
      OR later.file_id <> earlier.file_id
      OR later.record_number <> earlier.record_number,
      TRUE
    ) AS is_elsewhere,
    COALESCE(later.arrival > $previous_as_of, FALSE)
    OR COALESCE(earlier.arrival > $as_of, FALSE) AS is_of_other_instant,
    later.source AS later_source,
    later.file_id AS later_file,
    earlier.source AS earlier_source,
    earlier.file_id AS earlier_file,
    COALESCE(later.attempts, 0) <> COALESCE(earlier.attempts, 0)
    OR COALESCE(later.resolved_outcome, '') <> COALESCE(earlier.resolved_outcome, '')
    OR COALESCE(later.code, '') <> COALESCE(earlier.code, '') AS has_other_attempts,
    COALESCE(
      later.status = 'ambiguous' AND COALESCE(later.resolved_outcome, '') <> 'unknown', FALSE
    ) AS is_mixed_up,
    COALESCE(
      earlier.status = 'ambiguous' AND COALESCE(earlier.resolved_outcome, '') <> 'unknown', FALSE
    ) AS was_mixed_up,
    COALESCE(later.status = 'accepted' AND later.reason LIKE '%inferred%', FALSE) AS is_inferred,
    COALESCE(earlier.status = 'accepted' AND earlier.reason LIKE '%inferred%', FALSE)
      AS was_inferred
  FROM current_conversions AS later
  FULL OUTER JOIN previous_conversions AS earlier
    ON
      later.key_id = earlier.key_id
      AND later.key_event = earlier.key_event
      AND later.key_source = earlier.key_source
      AND later.key_file = earlier.key_file
      AND later.key_record = earlier.key_record
  WHERE
    later.status IS DISTINCT FROM earlier.status
    OR later.account_day IS DISTINCT FROM earlier.account_day
    OR later.event IS DISTINCT FROM earlier.event
    OR later.value IS DISTINCT FROM earlier.value
    OR later.currency IS DISTINCT FROM earlier.currency
),

with_lateness AS (
  SELECT
    changed.*,
    changed.is_of_other_instant
    OR EXISTS (
      SELECT 1
      FROM differing_files
      WHERE
        differing_files.kind = 'events'
        AND differing_files.owner = changed.later_source
        AND differing_files.file_id = changed.later_file
    )
    OR EXISTS (
      SELECT 1
      FROM differing_files
      WHERE
        differing_files.kind = 'events'
        AND differing_files.owner = changed.earlier_source
        AND differing_files.file_id = changed.earlier_file
    ) AS is_late,
    $as_of <> $previous_as_of
    OR EXISTS (
      SELECT 1
      FROM differing_files
      WHERE differing_files.kind = 'events'
    )
      AS has_other_events
  FROM changed
)

SELECT
  with_lateness.source,
  with_lateness.event_id,
  with_lateness.event_before,
  with_lateness.event,
  with_lateness.account_day_before,
  with_lateness.account_day,
  with_lateness.status_before,
  with_lateness.status,
  CASE
    WHEN with_lateness.is_elsewhere AND with_lateness.is_late THEN 'late_events'
    WHEN
      with_lateness.is_in_both
      AND with_lateness.has_other_events
      AND (with_lateness.status = 'conflict') <> (with_lateness.status_before = 'conflict')
      AND with_lateness.status NOT IN ('accepted', 'suppressed')
      AND with_lateness.status_before NOT IN ('accepted', 'suppressed')
      THEN 'late_events'
    WHEN with_lateness.is_in_both AND with_lateness.has_other_attempts THEN 'late_receipts'
    WHEN
      with_lateness.is_in_both
      -- Attempts for another conversion that bear on this one: under another event name, or
      -- under an id that both have.
      AND with_lateness.is_mixed_up <> with_lateness.was_mixed_up
      AND with_lateness.status NOT IN ('pending', 'suppressed')
      AND with_lateness.status_before NOT IN ('pending', 'suppressed')
      THEN 'late_receipts'
    WHEN with_lateness.status_before = 'pending' AND with_lateness.status <> 'pending'
      THEN 'settled'
    WHEN
      with_lateness.is_in_both
      AND (
        (with_lateness.status = 'unknown') <> (with_lateness.status_before = 'unknown')
        OR with_lateness.is_inferred <> with_lateness.was_inferred
      )
      THEN 'coverage'
    WHEN $is_rule_change THEN 'rule_change'
    ELSE 'other'
  END AS reason
FROM with_lateness
