-- One row per conversion in the gap of a run, with what a backfill does with it: `send`, `expired`,
-- or the reason for which it is left out, the first that holds.
--
-- The files will be uploaded: what is known of attempts after the instant counts here, unlike in
-- the figures, and so does suppression on any occurrence. An attempt under any of a conversion's
-- ids is an attempt of it. `is_within_dedup`: at the instant, by the event time.
-- `is_unknown_since`: an attempt after the instant may have landed.
--
-- Parameters: $as_of TIMESTAMPTZ, the instant of the export; $backfill_id VARCHAR; $pixel VARCHAR
-- (`none`, `same_id`, `other_id`); $dedup_window_us BIGINT, microseconds, NULL where the
-- destination recognises no repeated event; $include_rejected, $include_ambiguous,
-- $include_beyond_dedup, $force BOOLEAN.
-- Reads: reconciliation (of the run), conversion_occurrences, erased_records (one row per event
-- occurrence of somebody who asked to be forgotten), backfills (one row per event of an earlier
-- backfill, with `voided_at`), receipts.
-- Source: DESIGN §7.
WITH gap_conversions AS (
  SELECT
    reconciliation.*,
    reconciliation.event_time + TO_MICROSECONDS($dedup_window_us) AS dedup_ends_at
  FROM reconciliation
  WHERE reconciliation.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
),

suppressed_keys AS (
  SELECT DISTINCT
    conversion_occurrences.destination,
    conversion_occurrences.event_id,
    conversion_occurrences.event
  FROM conversion_occurrences
  LEFT JOIN erased_records
    ON
      conversion_occurrences.source = erased_records.source
      AND conversion_occurrences.file_id = erased_records.file_id
      AND conversion_occurrences.record_number = erased_records.record_number
  WHERE
    conversion_occurrences.suppressed_reason IS NOT NULL
    OR erased_records.file_id IS NOT NULL
),

this_backfill AS (
  SELECT MIN(backfills.created_at) AS created_at
  FROM backfills
  WHERE backfills.backfill_id = $backfill_id
),

earlier_backfills AS (
  SELECT
    backfills.destination,
    backfills.event_id,
    backfills.event,
    backfills.backfill_id,
    backfills.as_of
  FROM backfills
  CROSS JOIN this_backfill
  WHERE
    backfills.backfill_id <> $backfill_id
    AND COALESCE(backfills.created_at < this_backfill.created_at, TRUE)
    AND COALESCE(backfills.voided_at >= this_backfill.created_at, backfills.voided_at IS NULL)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY backfills.destination, backfills.event_id, backfills.event
    ORDER BY backfills.as_of DESC, backfills.created_at DESC, backfills.backfill_id ASC
  ) = 1
),

conversion_ids AS (
  SELECT
    gap_conversions.destination,
    gap_conversions.event_id,
    gap_conversions.event_id AS seen_id
  FROM gap_conversions
  WHERE gap_conversions.event_id IS NOT NULL
  UNION
  SELECT
    gap_conversions.destination,
    gap_conversions.event_id,
    UNNEST(conversion_occurrences.further_ids) AS seen_id
  FROM gap_conversions
  INNER JOIN conversion_occurrences
    ON
      gap_conversions.destination = conversion_occurrences.destination
      AND gap_conversions.event_id = conversion_occurrences.event_id
  WHERE conversion_occurrences.further_ids IS NOT NULL
),

attempts AS (
  SELECT
    conversion_ids.destination,
    conversion_ids.event_id,
    receipts.event_name,
    receipts.outcome,
    receipts.attempted_at
  FROM conversion_ids
  INNER JOIN receipts
    ON
      conversion_ids.destination = receipts.destination
      AND conversion_ids.seen_id = receipts.event_id
),

unsettled_backfills AS (
  SELECT
    earlier_backfills.destination,
    earlier_backfills.event_id,
    earlier_backfills.event,
    earlier_backfills.backfill_id
  FROM earlier_backfills
  WHERE NOT EXISTS (
    SELECT 1
    FROM attempts
    WHERE
      attempts.destination = earlier_backfills.destination
      AND attempts.event_id = earlier_backfills.event_id
      AND COALESCE(attempts.event_name, earlier_backfills.event) = earlier_backfills.event
      AND attempts.attempted_at > earlier_backfills.as_of
      AND attempts.attempted_at <= $as_of
  )
),

later_attempts AS (
  SELECT
    attempts.destination,
    attempts.event_id,
    MAX(CASE WHEN attempts.outcome = 'accepted' THEN 1 ELSE 0 END) AS is_accepted,
    MAX(CASE WHEN attempts.outcome = 'unknown' THEN 1 ELSE 0 END) AS is_unknown
  FROM attempts
  WHERE
    attempts.attempted_at > $as_of
  GROUP BY attempts.destination, attempts.event_id
),

aligned AS (
  SELECT
    gap_conversions.*,
    COALESCE(later_attempts.is_accepted, 0) AS is_accepted_since,
    COALESCE(later_attempts.is_unknown, 0) AS is_unknown_since,
    suppressed_keys.event_id IS NOT NULL AS is_suppressed,
    unsettled_backfills.backfill_id AS earlier_backfill_id
  FROM gap_conversions
  LEFT JOIN suppressed_keys
    ON
      gap_conversions.destination = suppressed_keys.destination
      AND gap_conversions.event_id = suppressed_keys.event_id
      AND gap_conversions.event = suppressed_keys.event
  LEFT JOIN unsettled_backfills
    ON
      gap_conversions.destination = unsettled_backfills.destination
      AND gap_conversions.event_id = unsettled_backfills.event_id
      AND gap_conversions.event = unsettled_backfills.event
  LEFT JOIN later_attempts
    ON
      gap_conversions.destination = later_attempts.destination
      AND gap_conversions.event_id = later_attempts.event_id
)

SELECT
  aligned.event_id,
  aligned.event,
  aligned.source,
  aligned.message_id,
  aligned.file_id,
  aligned.record_number,
  aligned.account_day,
  aligned.arrival,
  aligned.event_time,
  aligned.status,
  aligned.code,
  aligned.attempts,
  aligned.value,
  aligned.currency,
  aligned.backfill_deadline,
  aligned.earlier_backfill_id,
  COALESCE(aligned.dedup_ends_at >= $as_of, FALSE) AS is_within_dedup,
  aligned.is_unknown_since = 1 AS is_unknown_since,
  CASE
    WHEN aligned.is_suppressed THEN 'suppressed'
    WHEN aligned.is_accepted_since = 1 THEN 'accepted_since'
    WHEN aligned.status = 'conflict' THEN 'conflict'
    WHEN aligned.status = 'rejected' AND NOT $include_rejected THEN 'rejected'
    WHEN aligned.status = 'ambiguous' AND NOT $include_ambiguous THEN 'ambiguous'
    WHEN aligned.is_unknown_since = 1 AND NOT $include_ambiguous THEN 'ambiguous'
    WHEN aligned.earlier_backfill_id IS NOT NULL AND NOT $force THEN 'in_earlier_backfill'
    WHEN aligned.event_time IS NULL THEN 'no_time'
    WHEN aligned.backfill_deadline < $as_of THEN 'expired'
    WHEN $pixel = 'other_id' AND NOT $include_beyond_dedup THEN 'pixel_other_id'
    WHEN
      ($pixel = 'same_id' OR aligned.status = 'ambiguous' OR aligned.is_unknown_since = 1)
      AND NOT COALESCE(aligned.dedup_ends_at >= $as_of, FALSE)
      AND NOT $include_beyond_dedup
      THEN 'beyond_dedup'
    ELSE 'send'
  END AS disposition
FROM aligned
ORDER BY aligned.event_time, aligned.event_id, aligned.event, aligned.file_id, aligned.record_number
