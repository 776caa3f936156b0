-- One row per incident: consecutive hours of gap, or a silence of a feed or of a source. Only
-- incidents with an instant on one of the run's account days are kept.
--
-- `first_safe_upload`: when the hub has stopped retrying all that it counts. `last_safe_upload`:
-- when the first of them cannot be sent safely any more.
--
-- Parameters: $run_id VARCHAR, $from_day DATE, $to_day DATE (NULL: no bound).
-- Reads: hour_incidents, silent_incidents, incident_conversions, destinations,
-- account_zones.
-- Source: DESIGN §6, docs/reconciliation.md.
WITH found AS (
  SELECT
    hour_incidents.destination,
    hour_incidents.diagnosis,
    hour_incidents.source,
    hour_incidents.code,
    hour_incidents.starts_at,
    hour_incidents.ends_at,
    hour_incidents.ends_at - INTERVAL 1 MICROSECOND AS last_instant,
    hour_incidents.is_open,
    hour_incidents.ratio
  FROM hour_incidents
  UNION ALL
  SELECT
    silent_incidents.destination,
    'receipts_missing' AS diagnosis,
    '' AS source,
    '' AS code,
    silent_incidents.starts_at,
    silent_incidents.ends_at,
    silent_incidents.ends_at AS last_instant,
    silent_incidents.is_open,
    NULL AS ratio
  FROM silent_incidents
),

counted AS (
  SELECT
    incident_conversions.destination,
    incident_conversions.diagnosis,
    incident_conversions.incident_code,
    incident_conversions.starts_at,
    COUNT(*) AS conversions,
    MAX(incident_conversions.arrival) AS last_arrival,
    MIN(incident_conversions.safe_until) AS safe_until
  FROM incident_conversions
  GROUP BY
    incident_conversions.destination,
    incident_conversions.diagnosis,
    incident_conversions.incident_code,
    incident_conversions.starts_at
),

code_counts AS (
  SELECT
    incident_conversions.destination,
    incident_conversions.starts_at,
    incident_conversions.code,
    COUNT(*) AS conversions
  FROM incident_conversions
  WHERE
    incident_conversions.diagnosis = 'delivery_outage'
    AND incident_conversions.resolved_outcome IS NOT NULL
  GROUP BY
    incident_conversions.destination,
    incident_conversions.starts_at,
    incident_conversions.code
),

code_shares AS (
  SELECT
    code_counts.destination,
    code_counts.starts_at,
    code_counts.code,
    code_counts.conversions,
    SUM(code_counts.conversions) OVER (
      PARTITION BY code_counts.destination, code_counts.starts_at
    ) AS total
  FROM code_counts
),

aligned AS (
  SELECT
    found.*,
    COALESCE(counted.conversions, 0) AS conversions,
    code_shares.code AS dominant_code,
    CASE
      WHEN
        destinations.pixel <> 'other_id'
        AND found.diagnosis IN ('delivery_outage', 'rejections')
        AND counted.last_arrival IS NOT NULL
        THEN LEAST(
          counted.last_arrival + destinations.retry_window,
          TIMESTAMPTZ '9999-12-31 00:00:00+00'
        )
    END AS first_safe_upload,
    CASE
      WHEN destinations.pixel <> 'other_id' AND found.diagnosis IN ('delivery_outage', 'rejections')
        THEN counted.safe_until
    END AS last_safe_upload,
    CAST(found.starts_at AT TIME ZONE first_zones.account_timezone AS DATE) AS first_day,
    CAST(found.last_instant AT TIME ZONE last_zones.account_timezone AS DATE) AS last_day
  FROM found
  INNER JOIN destinations
    ON found.destination = destinations.destination
  LEFT JOIN counted
    ON
      found.destination = counted.destination
      AND found.diagnosis = counted.diagnosis
      AND found.code = counted.incident_code
      AND found.starts_at = counted.starts_at
  LEFT JOIN code_shares
    ON
      found.diagnosis = 'delivery_outage'
      AND found.destination = code_shares.destination
      AND found.starts_at = code_shares.starts_at
      AND 2 * code_shares.conversions > code_shares.total
  INNER JOIN account_zones AS first_zones
    ON
      found.destination = first_zones.destination
      AND found.starts_at >= first_zones.starts_at
      AND found.starts_at < first_zones.ends_at
  INNER JOIN account_zones AS last_zones
    ON
      found.destination = last_zones.destination
      AND found.last_instant >= last_zones.starts_at
      AND found.last_instant < last_zones.ends_at
)

SELECT
  $run_id AS run_id,
  aligned.destination,
  aligned.starts_at,
  aligned.ends_at,
  aligned.diagnosis,
  NULLIF(aligned.source, '') AS source,
  COALESCE(NULLIF(aligned.code, ''), aligned.dominant_code) AS code,
  aligned.conversions,
  aligned.ratio,
  aligned.is_open,
  aligned.first_safe_upload,
  aligned.last_safe_upload,
  aligned.first_day,
  aligned.last_day
FROM aligned
WHERE
  aligned.last_day >= COALESCE($from_day, aligned.last_day)
  AND aligned.first_day <= COALESCE($to_day, aligned.first_day)
ORDER BY
  aligned.destination, aligned.starts_at, aligned.diagnosis, aligned.source, aligned.code
