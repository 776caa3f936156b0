-- One row per event id that several occurrences of conversions have, under whatever name, by the
-- instant. The others need no choice and no comparison.
--
-- Parameters: $as_of TIMESTAMPTZ.
-- Reads: conversion_occurrences (one row per destination and selected event occurrence).
SELECT
  conversion_occurrences.destination,
  conversion_occurrences.event_id
FROM conversion_occurrences
WHERE
  conversion_occurrences.arrival <= $as_of
  AND conversion_occurrences.event_id IS NOT NULL
GROUP BY conversion_occurrences.destination, conversion_occurrences.event_id
HAVING COUNT(*) > 1
