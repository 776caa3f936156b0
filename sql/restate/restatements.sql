-- One row per account day and destination event name of which a run gives other figures than the
-- run before it: counts before and after, how many conversions changed for which reason, and the
-- reasons that occur, in their order. A conversion that moved counts on both rows.
--
-- A row may differ in amounts only: those are in restatement_values. Where no conversion changed,
-- `unarchived` did, and stands for itself: more of them are due to receipts, fewer to events (the
-- other way round where the run has the earlier instant).
--
-- Parameters: $run_id VARCHAR, $previous_run_id VARCHAR, $destination VARCHAR, $as_of TIMESTAMPTZ
-- and $previous_as_of TIMESTAMPTZ (the instants of both runs), $is_rule_change BOOLEAN (settings,
-- rules or program differ), $from_day DATE, $to_day DATE (the account days that both have; NULL:
-- no bound).
-- Reads: daily_gaps, previous_daily_gaps (of one run each), changed_conversions,
-- restatement_values, differing_files.
-- Source of rules: docs/reconciliation.md, Restatements.
WITH current_days AS (
  SELECT daily_gaps.*
  FROM daily_gaps
  WHERE
    daily_gaps.destination = $destination
    AND daily_gaps.day >= COALESCE($from_day, daily_gaps.day)
    AND daily_gaps.day <= COALESCE($to_day, daily_gaps.day)
),

previous_days AS (
  SELECT previous.*
  FROM previous_daily_gaps AS previous
  WHERE
    previous.destination = $destination
    AND previous.day >= COALESCE($from_day, previous.day)
    AND previous.day <= COALESCE($to_day, previous.day)
),

aligned AS (
  SELECT
    COALESCE(later.day, earlier.day) AS day,
    COALESCE(later.event, earlier.event) AS event,
    COALESCE(earlier.expected, 0) AS expected_before,
    COALESCE(later.expected, 0) AS expected,
    COALESCE(earlier.accepted, 0) AS accepted_before,
    COALESCE(later.accepted, 0) AS accepted,
    COALESCE(earlier.pending, 0) AS pending_before,
    COALESCE(later.pending, 0) AS pending,
    COALESCE(earlier.unknown, 0) AS unknown_before,
    COALESCE(later.unknown, 0) AS unknown,
    COALESCE(earlier.gap, 0) AS gap_before,
    COALESCE(later.gap, 0) AS gap,
    COALESCE(earlier.missing, 0) AS missing_before,
    COALESCE(later.missing, 0) AS missing,
    COALESCE(earlier.failed, 0) AS failed_before,
    COALESCE(later.failed, 0) AS failed,
    COALESCE(earlier.rejected, 0) AS rejected_before,
    COALESCE(later.rejected, 0) AS rejected,
    COALESCE(earlier.ambiguous, 0) AS ambiguous_before,
    COALESCE(later.ambiguous, 0) AS ambiguous,
    COALESCE(earlier.conflict, 0) AS conflict_before,
    COALESCE(later.conflict, 0) AS conflict,
    COALESCE(earlier.suppressed, 0) AS suppressed_before,
    COALESCE(later.suppressed, 0) AS suppressed,
    COALESCE(earlier.unarchived, 0) AS unarchived_before,
    COALESCE(later.unarchived, 0) AS unarchived
  FROM current_days AS later
  FULL OUTER JOIN previous_days AS earlier
    ON
      later.day = earlier.day
      AND later.event = earlier.event
),

changed_on_rows AS (
  SELECT
    changed_conversions.account_day AS day,
    changed_conversions.event,
    changed_conversions.reason
  FROM changed_conversions
  WHERE changed_conversions.account_day IS NOT NULL
  UNION ALL
  SELECT
    changed_conversions.account_day_before AS day,
    changed_conversions.event_before AS event,
    changed_conversions.reason
  FROM changed_conversions
  WHERE
    changed_conversions.account_day_before IS NOT NULL
    AND (
      changed_conversions.account_day_before IS DISTINCT FROM changed_conversions.account_day
      OR changed_conversions.event_before IS DISTINCT FROM changed_conversions.event
    )
),

reason_counts AS (
  SELECT
    changed_on_rows.day,
    changed_on_rows.event,
    COUNT(*) FILTER (WHERE changed_on_rows.reason = 'late_events') AS late_events,
    COUNT(*) FILTER (WHERE changed_on_rows.reason = 'late_receipts') AS late_receipts,
    COUNT(*) FILTER (WHERE changed_on_rows.reason = 'coverage') AS coverage,
    COUNT(*) FILTER (WHERE changed_on_rows.reason = 'settled') AS settled,
    COUNT(*) FILTER (WHERE changed_on_rows.reason = 'rule_change') AS rule_change,
    COUNT(*) FILTER (WHERE changed_on_rows.reason = 'other') AS other
  FROM changed_on_rows
  GROUP BY changed_on_rows.day, changed_on_rows.event
),

rows_with_other_amounts AS (
  SELECT DISTINCT
    restatement_values.day,
    restatement_values.event
  FROM restatement_values
),

files_that_differ AS (
  SELECT
    COUNT(*) FILTER (WHERE differing_files.kind = 'events') > 0 AS has_events,
    COUNT(*) FILTER (
      WHERE differing_files.kind = 'receipts' AND differing_files.owner = $destination
    ) > 0 AS has_receipts
  FROM differing_files
),

restated AS (
  SELECT
    aligned.*,
    COALESCE(reason_counts.late_events, 0) AS late_events,
    COALESCE(reason_counts.late_receipts, 0) AS late_receipts,
    COALESCE(reason_counts.coverage, 0) AS coverage,
    COALESCE(reason_counts.settled, 0) AS settled,
    COALESCE(reason_counts.rule_change, 0) AS rule_change,
    COALESCE(reason_counts.other, 0) AS other,
    CASE
      WHEN reason_counts.day IS NULL THEN ABS(aligned.unarchived - aligned.unarchived_before)
      ELSE 0
    END AS unarchived_alone,
    CASE
      WHEN
        ($as_of <> $previous_as_of OR files_that_differ.has_receipts)
        AND (aligned.unarchived > aligned.unarchived_before) = ($as_of >= $previous_as_of)
        THEN 'late_receipts'
      WHEN
        ($as_of <> $previous_as_of OR files_that_differ.has_events)
        AND (aligned.unarchived < aligned.unarchived_before) = ($as_of >= $previous_as_of)
        THEN 'late_events'
      WHEN $is_rule_change THEN 'rule_change'
      ELSE 'other'
    END AS unarchived_reason
  FROM aligned
  CROSS JOIN files_that_differ
  LEFT JOIN reason_counts
    ON
      aligned.day = reason_counts.day
      AND aligned.event = reason_counts.event
  LEFT JOIN rows_with_other_amounts
    ON
      aligned.day = rows_with_other_amounts.day
      AND aligned.event = rows_with_other_amounts.event
  WHERE
    rows_with_other_amounts.day IS NOT NULL
    OR aligned.accepted <> aligned.accepted_before
    OR aligned.pending <> aligned.pending_before
    OR aligned.unknown <> aligned.unknown_before
    OR aligned.missing <> aligned.missing_before
    OR aligned.failed <> aligned.failed_before
    OR aligned.rejected <> aligned.rejected_before
    OR aligned.ambiguous <> aligned.ambiguous_before
    OR aligned.conflict <> aligned.conflict_before
    OR aligned.suppressed <> aligned.suppressed_before
    OR aligned.unarchived <> aligned.unarchived_before
),

explained AS (
  SELECT
    restated.* EXCLUDE (late_events, late_receipts, coverage, settled, rule_change, other),
    restated.late_events + CASE
      WHEN restated.unarchived_reason = 'late_events' THEN restated.unarchived_alone
      ELSE 0
    END AS late_events,
    restated.late_receipts + CASE
      WHEN restated.unarchived_reason = 'late_receipts' THEN restated.unarchived_alone
      ELSE 0
    END AS late_receipts,
    restated.coverage,
    restated.settled,
    restated.rule_change + CASE
      WHEN restated.unarchived_reason = 'rule_change' THEN restated.unarchived_alone
      ELSE 0
    END AS rule_change,
    restated.other + CASE
      WHEN restated.unarchived_reason = 'other' THEN restated.unarchived_alone
      ELSE 0
    END AS other
  FROM restated
)

SELECT
  $run_id AS run_id,
  $previous_run_id AS previous_run_id,
  $destination AS destination,
  explained.day,
  explained.event,
  explained.expected_before,
  explained.expected,
  explained.accepted_before,
  explained.accepted,
  explained.pending_before,
  explained.pending,
  explained.unknown_before,
  explained.unknown,
  explained.gap_before,
  explained.gap,
  explained.missing_before,
  explained.missing,
  explained.failed_before,
  explained.failed,
  explained.rejected_before,
  explained.rejected,
  explained.ambiguous_before,
  explained.ambiguous,
  explained.conflict_before,
  explained.conflict,
  explained.suppressed_before,
  explained.suppressed,
  explained.unarchived_before,
  explained.unarchived,
  explained.late_events,
  explained.late_receipts,
  explained.coverage,
  explained.settled,
  explained.rule_change,
  explained.other,
  CONCAT_WS(
    ',',
    CASE WHEN explained.late_events > 0 THEN 'late_events' END,
    CASE WHEN explained.late_receipts > 0 THEN 'late_receipts' END,
    CASE WHEN explained.coverage > 0 THEN 'coverage' END,
    CASE WHEN explained.settled > 0 THEN 'settled' END,
    CASE WHEN explained.rule_change > 0 THEN 'rule_change' END,
    CASE WHEN explained.other > 0 THEN 'other' END
  ) AS reasons
FROM explained
ORDER BY explained.day, explained.event
