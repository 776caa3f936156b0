-- One row per attempt under one of the ids that are asked for, and per conversion that it concerns
-- (`for_event_id`, `for_event`; NULL where it concerns none of the explained ones). `relation`:
-- `own`, it counts for the conversion; `other_name`, it has the conversion's id, but another event
-- name; `shared`, it names a further id of the conversion, but belongs to another event id, its
-- `owner_id`; `none`.
-- `is_deciding`: of the conversion's own attempts by the as-of of its run, the one that decides.
--
-- Whom an attempt belongs to is judged over all that has arrived.
--
-- Parameters: $id VARCHAR.
-- Reads: explained_conversions, explained_occurrences, explained_statuses, explained_destinations
-- (`as_of` of its first run, NULL where there is none), receipts, conversion_occurrences.
-- Source: docs/reconciliation.md, tiers; DESIGN §4, resolution.
WITH conversions_of_ids AS (
  SELECT
    explained_conversions.destination,
    explained_conversions.event_id,
    explained_conversions.event,
    explained_conversions.further_ids
  FROM explained_conversions
  WHERE
    explained_conversions.place = 1
    AND explained_conversions.event_id IS NOT NULL
),

wanted_ids AS (
  SELECT
    conversions_of_ids.destination,
    conversions_of_ids.event_id
  FROM conversions_of_ids
  UNION
  SELECT
    conversions_of_ids.destination,
    UNNEST(conversions_of_ids.further_ids) AS event_id
  FROM conversions_of_ids
  UNION
  SELECT
    explained_destinations.destination,
    explained_occurrences.message_id AS event_id
  FROM explained_destinations
  CROSS JOIN explained_occurrences
  WHERE explained_occurrences.message_id IS NOT NULL
  UNION
  SELECT
    explained_destinations.destination,
    $id AS event_id
  FROM explained_destinations
),

wanted_receipts AS (
  SELECT
    receipts.destination,
    receipts.event_id,
    receipts.event_name,
    receipts.attempted_at,
    receipts.attempt,
    receipts.outcome,
    receipts.code,
    receipts.request_id,
    receipts.value,
    receipts.currency,
    receipts.file_id,
    receipts.record_number
  FROM receipts
  INNER JOIN wanted_ids
    ON
      receipts.destination = wanted_ids.destination
      AND receipts.event_id = wanted_ids.event_id
),

attempted_ids AS (
  SELECT DISTINCT
    wanted_receipts.destination,
    wanted_receipts.event_id
  FROM wanted_receipts
),

own_ids AS (
  SELECT DISTINCT
    attempted_ids.destination,
    attempted_ids.event_id
  FROM attempted_ids
  INNER JOIN conversion_occurrences
    ON
      attempted_ids.destination = conversion_occurrences.destination
      AND attempted_ids.event_id = conversion_occurrences.event_id
),

lent_ids AS (
  SELECT
    attempted_ids.destination,
    attempted_ids.event_id
  FROM attempted_ids
  WHERE NOT EXISTS (
    SELECT 1
    FROM own_ids
    WHERE
      own_ids.destination = attempted_ids.destination
      AND own_ids.event_id = attempted_ids.event_id
  )
),

holding_keys AS (
  SELECT DISTINCT
    conversion_occurrences.destination,
    conversion_occurrences.event_id,
    conversion_occurrences.event
  FROM conversion_occurrences
  INNER JOIN lent_ids
    ON
      conversion_occurrences.destination = lent_ids.destination
      AND LIST_CONTAINS(conversion_occurrences.further_ids, lent_ids.event_id)
  WHERE conversion_occurrences.event_id IS NOT NULL
),

holders AS (
  SELECT conversion_occurrences.*
  FROM conversion_occurrences
  INNER JOIN holding_keys
    ON
      conversion_occurrences.destination = holding_keys.destination
      AND conversion_occurrences.event_id = holding_keys.event_id
      AND conversion_occurrences.event = holding_keys.event
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY
      conversion_occurrences.destination,
      conversion_occurrences.event_id,
      conversion_occurrences.event
    ORDER BY
      conversion_occurrences.arrival NULLS LAST,
      conversion_occurrences.file_id,
      conversion_occurrences.record_number,
      conversion_occurrences.source
  ) = 1
),

owners AS (
  SELECT
    own_ids.destination,
    own_ids.event_id,
    own_ids.event_id AS owner_id
  FROM own_ids
  UNION ALL
  SELECT
    lent_ids.destination,
    lent_ids.event_id,
    holders.event_id AS owner_id
  FROM lent_ids
  INNER JOIN holders
    ON
      lent_ids.destination = holders.destination
      AND LIST_CONTAINS(holders.further_ids, lent_ids.event_id)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY lent_ids.destination, lent_ids.event_id
    ORDER BY
      holders.key_tier + LIST_POSITION(holders.further_ids, lent_ids.event_id),
      holders.arrival NULLS LAST,
      holders.file_id,
      holders.record_number,
      holders.source,
      holders.event_id
  ) = 1
),

owned_receipts AS (
  SELECT
    wanted_receipts.*,
    owners.owner_id
  FROM wanted_receipts
  LEFT JOIN owners
    ON
      wanted_receipts.destination = owners.destination
      AND wanted_receipts.event_id = owners.event_id
),

concerned AS (
  SELECT
    owned_receipts.*,
    conversions_of_ids.event_id AS for_event_id,
    conversions_of_ids.event AS for_event,
    CASE
      WHEN
        COALESCE(owned_receipts.event_name, conversions_of_ids.event) = conversions_of_ids.event
        THEN 'own'
      ELSE 'other_name'
    END AS relation
  FROM owned_receipts
  INNER JOIN conversions_of_ids
    ON
      owned_receipts.destination = conversions_of_ids.destination
      AND owned_receipts.owner_id = conversions_of_ids.event_id
  UNION ALL
  SELECT
    owned_receipts.*,
    conversions_of_ids.event_id AS for_event_id,
    conversions_of_ids.event AS for_event,
    'shared' AS relation
  FROM owned_receipts
  INNER JOIN conversions_of_ids
    ON
      owned_receipts.destination = conversions_of_ids.destination
      AND owned_receipts.owner_id <> conversions_of_ids.event_id
      AND LIST_CONTAINS(conversions_of_ids.further_ids, owned_receipts.event_id)
),

aligned AS (
  SELECT concerned.*
  FROM concerned
  UNION ALL
  SELECT
    owned_receipts.*,
    NULL AS for_event_id,
    NULL AS for_event,
    'none' AS relation
  FROM owned_receipts
  WHERE NOT EXISTS (
    SELECT 1
    FROM concerned
    WHERE
      concerned.destination = owned_receipts.destination
      AND concerned.event_id = owned_receipts.event_id
  )
),

judged AS (
  SELECT
    aligned.*,
    COALESCE(
      aligned.attempted_at
      <= COALESCE(explained_statuses.as_of, explained_destinations.as_of),
      TRUE
    ) AS is_by_the_run
  FROM aligned
  INNER JOIN explained_destinations
    ON aligned.destination = explained_destinations.destination
  LEFT JOIN explained_statuses
    ON
      aligned.destination = explained_statuses.destination
      AND aligned.for_event_id = explained_statuses.event_id
      AND aligned.for_event = explained_statuses.event
)

SELECT
  judged.destination,
  judged.for_event_id,
  judged.for_event,
  judged.relation,
  judged.owner_id,
  judged.event_id,
  judged.event_name,
  judged.attempted_at,
  judged.attempt,
  judged.outcome,
  judged.code,
  judged.request_id,
  judged.value,
  judged.currency,
  judged.file_id,
  judged.record_number,
  judged.is_by_the_run,
  judged.relation = 'own'
  AND judged.is_by_the_run
  AND ROW_NUMBER() OVER (
    PARTITION BY
      judged.destination,
      judged.for_event_id,
      judged.for_event,
      judged.relation,
      judged.is_by_the_run
    ORDER BY
      CASE judged.outcome WHEN 'accepted' THEN 1 WHEN 'unknown' THEN 2 ELSE 3 END,
      judged.attempted_at DESC,
      judged.attempt DESC NULLS LAST,
      judged.file_id DESC,
      judged.record_number DESC,
      judged.outcome DESC,
      judged.code DESC NULLS LAST,
      judged.value DESC NULLS LAST
  ) = 1 AS is_deciding
FROM judged
ORDER BY
  judged.destination,
  judged.for_event,
  judged.for_event_id,
  judged.attempted_at,
  judged.attempt,
  judged.file_id,
  judged.record_number
