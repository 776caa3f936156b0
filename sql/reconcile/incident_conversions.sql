-- One row per incident and conversion that it counts. `delivery_outage`: in the gap, arrived in
-- its hours. `rejections`: rejected, with an attempt in its hours that was rejected with its code
-- and is none of an upload. `receipts_missing`: the silent ones. `safe_until` is the first instant
-- at which it cannot be sent safely any more, NULL where there is none.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: hour_incidents, silent_incidents, silences, sendable_conversions, judged, attempts,
-- destinations.
-- Source: docs/reconciliation.md.
WITH outage_conversions AS (
  SELECT
    hour_incidents.destination,
    hour_incidents.diagnosis,
    hour_incidents.code AS incident_code,
    hour_incidents.starts_at,
    judged.arrival,
    judged.currency,
    judged.value,
    judged.code,
    judged.resolved_outcome,
    judged.status,
    judged.event_time,
    judged.backfill_deadline
  FROM hour_incidents
  INNER JOIN judged
    ON
      hour_incidents.destination = judged.destination
      AND hour_incidents.starts_at <= judged.arrival
      AND hour_incidents.ends_at > judged.arrival
  WHERE
    hour_incidents.diagnosis = 'delivery_outage'
    AND judged.status IN ('conflict', 'rejected', 'ambiguous', 'failed', 'missing')
),

refused_ids AS (
  SELECT DISTINCT
    hour_incidents.destination,
    hour_incidents.diagnosis,
    hour_incidents.code,
    hour_incidents.starts_at,
    attempts.event_id,
    attempts.event_name
  FROM hour_incidents
  INNER JOIN attempts
    ON
      hour_incidents.destination = attempts.destination
      AND hour_incidents.starts_at <= attempts.attempted_at
      AND hour_incidents.ends_at > attempts.attempted_at
      AND hour_incidents.code = attempts.code
  WHERE
    hour_incidents.diagnosis = 'rejections'
    AND attempts.outcome = 'rejected'
    AND NOT attempts.is_upload
    AND attempts.attempted_at <= $as_of
),

refused_conversions AS (
  SELECT DISTINCT
    refused_ids.destination,
    refused_ids.diagnosis,
    refused_ids.code AS incident_code,
    refused_ids.starts_at,
    judged.event_id,
    judged.event,
    judged.arrival,
    judged.currency,
    judged.value,
    judged.code,
    judged.resolved_outcome,
    judged.status,
    judged.event_time,
    judged.backfill_deadline
  FROM refused_ids
  INNER JOIN judged
    ON
      refused_ids.destination = judged.destination
      AND refused_ids.event_id = judged.event_id
      AND COALESCE(refused_ids.event_name, judged.event) = judged.event
  WHERE judged.status = 'rejected'
),

silent_conversions AS (
  SELECT
    silent_incidents.destination,
    'receipts_missing' AS diagnosis,
    '' AS incident_code,
    silent_incidents.starts_at,
    judged.arrival,
    judged.currency,
    judged.value,
    judged.code,
    judged.resolved_outcome,
    judged.status,
    judged.event_time,
    judged.backfill_deadline
  FROM silent_incidents
  INNER JOIN silences
    ON
      silent_incidents.destination = silences.destination
      AND silent_incidents.starts_at <= silences.starts_at
      AND silent_incidents.ends_at >= silences.ends_at
  INNER JOIN sendable_conversions
    ON
      silences.destination = sendable_conversions.destination
      AND silences.stretch = sendable_conversions.stretch
  INNER JOIN judged
    ON
      sendable_conversions.destination = judged.destination
      AND sendable_conversions.event_id = judged.event_id
      AND sendable_conversions.event = judged.event
  WHERE sendable_conversions.is_attempted = 0
),

counted AS (
  SELECT outage_conversions.*
  FROM outage_conversions
  UNION ALL
  SELECT
    refused_conversions.destination,
    refused_conversions.diagnosis,
    refused_conversions.incident_code,
    refused_conversions.starts_at,
    refused_conversions.arrival,
    refused_conversions.currency,
    refused_conversions.value,
    refused_conversions.code,
    refused_conversions.resolved_outcome,
    refused_conversions.status,
    refused_conversions.event_time,
    refused_conversions.backfill_deadline
  FROM refused_conversions
  UNION ALL
  SELECT silent_conversions.*
  FROM silent_conversions
),

windowed AS (
  SELECT
    counted.*,
    CASE
      WHEN counted.event_time IS NOT NULL AND destinations.dedup_window IS NOT NULL
        THEN LEAST(
          counted.event_time + destinations.dedup_window,
          TIMESTAMPTZ '9999-12-31 00:00:00+00'
        )
    END AS dedup_ends_at,
    destinations.pixel
  FROM counted
  INNER JOIN destinations
    ON counted.destination = destinations.destination
)

SELECT
  windowed.destination,
  windowed.diagnosis,
  windowed.incident_code,
  windowed.starts_at,
  windowed.arrival,
  windowed.currency,
  windowed.value,
  windowed.code,
  windowed.resolved_outcome,
  CASE
    WHEN windowed.status = 'ambiguous' OR windowed.pixel = 'same_id'
      THEN LEAST(
        COALESCE(windowed.backfill_deadline, windowed.dedup_ends_at),
        COALESCE(windowed.dedup_ends_at, windowed.backfill_deadline)
      )
    ELSE windowed.backfill_deadline
  END AS safe_until
FROM windowed
