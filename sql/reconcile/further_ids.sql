-- One row per conversion and further id of it: what a later one of the destination's match keys
-- gives.
--
-- Reads: conversions.
-- Source: docs/reconciliation.md, tiers.
WITH unfolded AS (
  SELECT
    conversions.destination,
    conversions.event_id,
    conversions.event,
    conversions.key_tier,
    conversions.arrival,
    conversions.file_id,
    conversions.record_number,
    conversions.source,
    UNNEST(conversions.further_ids) AS further_id,
    GENERATE_SUBSCRIPTS(conversions.further_ids, 1) AS place
  FROM conversions
  WHERE
    conversions.further_ids IS NOT NULL
    AND conversions.event_id IS NOT NULL
)

SELECT
  unfolded.destination,
  unfolded.further_id,
  unfolded.event_id,
  unfolded.event,
  unfolded.key_tier + unfolded.place AS tier,
  unfolded.arrival,
  unfolded.file_id,
  unfolded.record_number,
  unfolded.source
FROM unfolded
WHERE unfolded.further_id IS NOT NULL
