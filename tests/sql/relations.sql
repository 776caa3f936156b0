-- What the files of sql/ read, empty. The defaults are the usual row, so that a case names only
-- what it is about. All times of the cases lie in the week before $as_of, 2026-01-19 12:00 UTC.

CREATE TABLE destinations (
  destination VARCHAR DEFAULT 'tiktok',
  account_timezone VARCHAR DEFAULT 'America/New_York',
  reports VARCHAR DEFAULT 'all',
  coverage VARCHAR DEFAULT 'infer',
  retry_window INTERVAL DEFAULT INTERVAL 4 HOUR,
  provisional_after INTERVAL DEFAULT INTERVAL 72 HOUR,
  max_age INTERVAL,
  incident_min BIGINT DEFAULT 2,
  pixel VARCHAR DEFAULT 'none',
  dedup_window INTERVAL DEFAULT INTERVAL 48 HOUR,
  min_gap BIGINT DEFAULT 5,
  totals_tolerance DECIMAL(18, 9) DEFAULT 0.02
);

-- Unless a case says otherwise, a destination has been in its zone for ever, and takes the events
-- of the source `web`.

CREATE TABLE account_zones (
  destination VARCHAR DEFAULT 'tiktok',
  account_timezone VARCHAR DEFAULT 'America/New_York',
  starts_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ '-infinity',
  ends_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ 'infinity'
);

CREATE TABLE destination_sources (
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  arrival_lag INTERVAL DEFAULT INTERVAL 6 HOUR
);

CREATE TABLE conversion_occurrences (
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event_id VARCHAR,
  key_tier BIGINT DEFAULT 1,
  further_ids VARCHAR[],
  event VARCHAR DEFAULT 'CompletePayment',
  inbound_event VARCHAR DEFAULT 'Order Completed',
  arrival TIMESTAMPTZ,
  event_time TIMESTAMPTZ,
  content_time TIMESTAMPTZ,
  order_id VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR,
  suppressed_reason VARCHAR,
  arrival_slot TIMESTAMPTZ AS (TIME_BUCKET(INTERVAL 30 MINUTE, arrival))
);

CREATE TABLE erased_records (
  source VARCHAR DEFAULT 'web', file_id VARCHAR DEFAULT 'f1', record_number BIGINT DEFAULT 0
);

CREATE TABLE erased_ids (id VARCHAR);

CREATE TABLE event_segments (
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  type VARCHAR DEFAULT 'track',
  user_id VARCHAR,
  anonymous_id VARCHAR,
  event VARCHAR DEFAULT 'Order Completed',
  event_time TIMESTAMPTZ,
  original_timestamp TIMESTAMPTZ,
  sent_at TIMESTAMPTZ,
  received_at TIMESTAMPTZ,
  arrival TIMESTAMPTZ,
  received_date DATE DEFAULT DATE '2026-01-15',
  order_id VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR,
  type_issues VARCHAR,
  arrival_hour TIMESTAMPTZ AS (TIME_BUCKET(INTERVAL 1 HOUR, arrival))
);

CREATE TABLE diary_segments (
  source VARCHAR DEFAULT 'web',
  event VARCHAR DEFAULT 'Order Completed',
  path VARCHAR DEFAULT '$',
  parent VARCHAR,
  json_type VARCHAR DEFAULT 'object',
  day DATE,
  occurrences BIGINT DEFAULT 1,
  counted_once BIGINT DEFAULT 1
);

CREATE TABLE receipts (
  destination VARCHAR DEFAULT 'tiktok',
  attempted_date DATE,
  event_id VARCHAR,
  event_name VARCHAR DEFAULT 'CompletePayment',
  event_time TIMESTAMPTZ,
  outcome VARCHAR DEFAULT 'accepted',
  code VARCHAR,
  message VARCHAR,
  attempted_at TIMESTAMPTZ,
  request_id VARCHAR,
  attempt BIGINT,
  value DECIMAL(38, 18),
  currency VARCHAR,
  file_id VARCHAR DEFAULT 'r1',
  record_number BIGINT DEFAULT 0,
  is_upload BOOLEAN DEFAULT FALSE,
  payload VARCHAR,
  attempted_hour TIMESTAMPTZ AS (TIME_BUCKET(INTERVAL 1 HOUR, attempted_at))
);

CREATE TABLE upload_files (destination VARCHAR DEFAULT 'tiktok', file_id VARCHAR DEFAULT 'r1');

CREATE VIEW unnamed_receipts AS SELECT * FROM receipts WHERE event_name IS NULL;

CREATE TABLE receipt_totals (
  destination VARCHAR DEFAULT 'tiktok',
  account_day DATE DEFAULT DATE '2026-01-15',
  event_name VARCHAR DEFAULT 'CompletePayment',
  kind VARCHAR DEFAULT 'delivered',
  count BIGINT,
  value DECIMAL(38, 18),
  currency VARCHAR,
  reported_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-17 12:00:00+00',
  file_id VARCHAR DEFAULT 't1',
  record_number BIGINT DEFAULT 0
);

CREATE TABLE inbound_paths (
  kind VARCHAR DEFAULT 'receipts',
  source VARCHAR,
  destination VARCHAR DEFAULT 'tiktok',
  path VARCHAR,
  file_id VARCHAR
);

CREATE TABLE vouched_ranges (
  destination VARCHAR DEFAULT 'tiktok', starts_at TIMESTAMPTZ, ends_at TIMESTAMPTZ
);

CREATE TABLE conversions (
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event_id VARCHAR,
  key_tier BIGINT DEFAULT 1,
  further_ids VARCHAR[],
  event VARCHAR DEFAULT 'CompletePayment',
  arrival TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 12:00:00+00',
  event_time TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 12:00:00+00',
  account_day DATE DEFAULT DATE '2026-01-15',
  slot TIMESTAMPTZ GENERATED ALWAYS AS (TIME_BUCKET(INTERVAL 30 MINUTE, arrival)),
  order_id VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  suppressed_reason VARCHAR,
  variants BIGINT DEFAULT 1,
  orders BIGINT DEFAULT 1,
  backfill_deadline TIMESTAMPTZ
);

CREATE TABLE outcomes (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  resolved_outcome VARCHAR,
  code VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 1,
  tier BIGINT DEFAULT 0,
  first_attempted_at TIMESTAMPTZ,
  event_time TIMESTAMPTZ
);

CREATE TABLE attempted_names (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  first_name VARCHAR DEFAULT 'CompletePayment',
  last_name VARCHAR DEFAULT 'CompletePayment'
);

CREATE TABLE sendable_conversions (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  arrival TIMESTAMPTZ,
  is_attempted BIGINT DEFAULT 0,
  stretch BIGINT DEFAULT 0
);

CREATE TABLE silences (
  destination VARCHAR DEFAULT 'tiktok',
  stretch BIGINT DEFAULT 0,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  conversions BIGINT
);

CREATE TABLE feed_days (destination VARCHAR DEFAULT 'tiktok', feed_day DATE);

CREATE TABLE coverage (
  destination VARCHAR DEFAULT 'tiktok', starts_at TIMESTAMPTZ, ends_at TIMESTAMPTZ
);

CREATE TABLE hours (
  destination VARCHAR DEFAULT 'tiktok',
  diagnosis VARCHAR DEFAULT 'delivery_outage',
  source VARCHAR DEFAULT '',
  code VARCHAR DEFAULT '',
  hour TIMESTAMPTZ,
  good BIGINT DEFAULT 0,
  total DOUBLE DEFAULT 10,
  is_telling BOOLEAN DEFAULT TRUE,
  is_bad BOOLEAN DEFAULT TRUE
);

CREATE TABLE source_hours (source VARCHAR DEFAULT 'web', hour TIMESTAMPTZ, occurrences BIGINT);

CREATE TABLE hour_incidents (
  destination VARCHAR DEFAULT 'tiktok',
  diagnosis VARCHAR DEFAULT 'delivery_outage',
  source VARCHAR DEFAULT '',
  code VARCHAR DEFAULT '',
  starts_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 11:00:00+00',
  ends_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 12:00:00+00',
  is_open BOOLEAN DEFAULT FALSE,
  ratio DECIMAL(18, 4)
);

CREATE TABLE silent_incidents (
  destination VARCHAR DEFAULT 'tiktok',
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  is_open BOOLEAN DEFAULT FALSE
);

CREATE TABLE incident_conversions (
  destination VARCHAR DEFAULT 'tiktok',
  diagnosis VARCHAR DEFAULT 'delivery_outage',
  incident_code VARCHAR DEFAULT '',
  starts_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 11:00:00+00',
  arrival TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-15 11:00:00+00',
  currency VARCHAR DEFAULT 'USD',
  value DECIMAL(38, 18),
  code VARCHAR,
  resolved_outcome VARCHAR,
  safe_until TIMESTAMPTZ
);

CREATE TABLE judged (
  run_id VARCHAR DEFAULT 'run',
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15',
  arrival TIMESTAMPTZ,
  event_time TIMESTAMPTZ,
  status VARCHAR DEFAULT 'accepted',
  reason VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 0,
  resolved_outcome VARCHAR,
  code VARCHAR,
  match_tier BIGINT,
  backfill_deadline TIMESTAMPTZ,
  is_settled BOOLEAN DEFAULT TRUE,
  is_covered BOOLEAN DEFAULT TRUE,
  other_amount VARCHAR,
  is_conflict BOOLEAN DEFAULT FALSE,
  arrival_hour TIMESTAMPTZ AS (TIME_BUCKET(INTERVAL 1 HOUR, arrival))
);

CREATE TABLE reconciliation (
  run_id VARCHAR DEFAULT 'run',
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15',
  event_time TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 06:00:00+00',
  status VARCHAR,
  reason VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 0,
  resolved_outcome VARCHAR,
  code VARCHAR,
  match_tier BIGINT,
  backfill_deadline TIMESTAMPTZ,
  arrival TIMESTAMPTZ,
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  is_conflict BOOLEAN DEFAULT FALSE,
  other_amount VARCHAR
);

CREATE TABLE unarchived (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15'
);

CREATE TABLE report_days (
  destination VARCHAR DEFAULT 'tiktok',
  account_day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment'
);

CREATE TABLE daily_gaps (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  expected BIGINT DEFAULT 0,
  accepted BIGINT DEFAULT 0,
  pending BIGINT DEFAULT 0,
  unknown BIGINT DEFAULT 0,
  gap BIGINT DEFAULT 0,
  missing BIGINT DEFAULT 0,
  failed BIGINT DEFAULT 0,
  rejected BIGINT DEFAULT 0,
  ambiguous BIGINT DEFAULT 0,
  conflict BIGINT DEFAULT 0,
  suppressed BIGINT DEFAULT 0,
  unarchived BIGINT DEFAULT 0,
  recoverable BIGINT DEFAULT 0,
  expired BIGINT DEFAULT 0,
  backfill_deadline TIMESTAMPTZ,
  provisional BOOLEAN DEFAULT FALSE
);

CREATE TABLE daily_values (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  currency VARCHAR DEFAULT 'USD',
  expected DECIMAL(38, 18) DEFAULT 0,
  accepted DECIMAL(38, 18) DEFAULT 0,
  pending DECIMAL(38, 18) DEFAULT 0,
  unknown DECIMAL(38, 18) DEFAULT 0,
  gap DECIMAL(38, 18) DEFAULT 0,
  missing DECIMAL(38, 18) DEFAULT 0,
  failed DECIMAL(38, 18) DEFAULT 0,
  rejected DECIMAL(38, 18) DEFAULT 0,
  ambiguous DECIMAL(38, 18) DEFAULT 0,
  conflict DECIMAL(38, 18) DEFAULT 0,
  suppressed DECIMAL(38, 18) DEFAULT 0
);

CREATE TABLE incidents (
  destination VARCHAR DEFAULT 'tiktok',
  run_id VARCHAR DEFAULT 'run',
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  diagnosis VARCHAR,
  source VARCHAR,
  code VARCHAR,
  conversions BIGINT,
  is_open BOOLEAN DEFAULT FALSE
);

CREATE TABLE incident_values (
  destination VARCHAR DEFAULT 'tiktok',
  run_id VARCHAR DEFAULT 'run',
  starts_at TIMESTAMPTZ,
  diagnosis VARCHAR,
  source VARCHAR,
  code VARCHAR,
  currency VARCHAR DEFAULT 'USD',
  value DECIMAL(38, 18)
);

CREATE TABLE daily_totals (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  expected BIGINT DEFAULT 0,
  pending BIGINT DEFAULT 0,
  delivered BIGINT,
  received BIGINT,
  attributed BIGINT,
  compared_with VARCHAR,
  difference BIGINT,
  provisional BOOLEAN DEFAULT FALSE
);

CREATE TABLE backfills (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  backfill_id VARCHAR DEFAULT 'earlier',
  run_id VARCHAR DEFAULT 'run',
  status VARCHAR DEFAULT 'missing',
  batch VARCHAR DEFAULT 'batch-00001.json',
  as_of TIMESTAMPTZ,
  created_at TIMESTAMPTZ,
  voided_at TIMESTAMPTZ
);

CREATE TABLE planned (
  position BIGINT DEFAULT 0,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  event_time TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 06:00:00+00',
  status VARCHAR DEFAULT 'missing',
  code VARCHAR,
  attempts BIGINT DEFAULT 0,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  backfill_deadline TIMESTAMPTZ,
  earlier_backfill_id VARCHAR,
  is_within_dedup BOOLEAN DEFAULT TRUE,
  is_unknown_since BOOLEAN DEFAULT FALSE,
  disposition VARCHAR DEFAULT 'send',
  file VARCHAR DEFAULT 'batch-00001.json',
  row BIGINT DEFAULT 0,
  detail VARCHAR
);

CREATE TABLE left_out_reasons (reason VARCHAR, what_next VARCHAR);

-- The run before, and what both runs were made from.

CREATE TABLE previous_reconciliation (
  run_id VARCHAR DEFAULT 'run',
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15',
  event_time TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 06:00:00+00',
  status VARCHAR,
  reason VARCHAR,
  value DECIMAL(38, 18),
  currency VARCHAR DEFAULT 'USD',
  attempts BIGINT DEFAULT 0,
  resolved_outcome VARCHAR,
  code VARCHAR,
  backfill_deadline TIMESTAMPTZ,
  arrival TIMESTAMPTZ,
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0
);

CREATE TABLE previous_daily_gaps (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  expected BIGINT DEFAULT 0,
  accepted BIGINT DEFAULT 0,
  pending BIGINT DEFAULT 0,
  unknown BIGINT DEFAULT 0,
  gap BIGINT DEFAULT 0,
  missing BIGINT DEFAULT 0,
  failed BIGINT DEFAULT 0,
  rejected BIGINT DEFAULT 0,
  ambiguous BIGINT DEFAULT 0,
  conflict BIGINT DEFAULT 0,
  suppressed BIGINT DEFAULT 0,
  unarchived BIGINT DEFAULT 0,
  recoverable BIGINT DEFAULT 0,
  expired BIGINT DEFAULT 0,
  backfill_deadline TIMESTAMPTZ,
  provisional BOOLEAN DEFAULT FALSE
);

CREATE TABLE previous_daily_values (
  destination VARCHAR DEFAULT 'tiktok',
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  currency VARCHAR DEFAULT 'USD',
  expected DECIMAL(38, 18) DEFAULT 0,
  accepted DECIMAL(38, 18) DEFAULT 0,
  pending DECIMAL(38, 18) DEFAULT 0,
  unknown DECIMAL(38, 18) DEFAULT 0,
  gap DECIMAL(38, 18) DEFAULT 0,
  missing DECIMAL(38, 18) DEFAULT 0,
  failed DECIMAL(38, 18) DEFAULT 0,
  rejected DECIMAL(38, 18) DEFAULT 0,
  ambiguous DECIMAL(38, 18) DEFAULT 0,
  conflict DECIMAL(38, 18) DEFAULT 0,
  suppressed DECIMAL(38, 18) DEFAULT 0
);

CREATE TABLE inputs (
  kind VARCHAR DEFAULT 'events',
  source VARCHAR,
  destination VARCHAR,
  file_id VARCHAR DEFAULT 'f1',
  archived BIGINT DEFAULT 1,
  rows BIGINT DEFAULT 1
);

CREATE TABLE previous_inputs (
  kind VARCHAR DEFAULT 'events',
  source VARCHAR,
  destination VARCHAR,
  file_id VARCHAR DEFAULT 'f1',
  archived BIGINT DEFAULT 1,
  rows BIGINT DEFAULT 1
);

CREATE TABLE differing_files (
  kind VARCHAR DEFAULT 'events', owner VARCHAR DEFAULT 'web', file_id VARCHAR DEFAULT 'f2'
);

CREATE TABLE changed_conversions (
  source VARCHAR DEFAULT 'web',
  event_id VARCHAR,
  event_before VARCHAR DEFAULT 'CompletePayment',
  event VARCHAR DEFAULT 'CompletePayment',
  account_day_before DATE DEFAULT DATE '2026-01-15',
  account_day DATE DEFAULT DATE '2026-01-15',
  status_before VARCHAR,
  status VARCHAR,
  reason VARCHAR
);

CREATE TABLE restatement_values (
  day DATE DEFAULT DATE '2026-01-15',
  event VARCHAR DEFAULT 'CompletePayment',
  currency VARCHAR DEFAULT 'USD'
);

CREATE TABLE inbound_files (
  kind VARCHAR DEFAULT 'events',
  source VARCHAR DEFAULT 'web',
  destination VARCHAR,
  file_id VARCHAR DEFAULT 'f1',
  path VARCHAR,
  format VARCHAR DEFAULT 'ndjson',
  container VARCHAR DEFAULT 'gzip',
  modified_at TIMESTAMPTZ,
  imported_at TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-20 03:00:00+00'
);

CREATE TABLE findings (
  run_id VARCHAR DEFAULT 'run',
  destination VARCHAR DEFAULT 'tiktok',
  finding VARCHAR,
  source VARCHAR DEFAULT 'web',
  message_id VARCHAR,
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  account_day DATE DEFAULT DATE '2026-01-15',
  detail VARCHAR
);

-- What the files of sql/explain/ hand on to one another.

CREATE TABLE explained_destinations (destination VARCHAR DEFAULT 'tiktok', as_of TIMESTAMPTZ);

CREATE TABLE explained_runs (
  destination VARCHAR DEFAULT 'tiktok',
  run_id VARCHAR DEFAULT 'run',
  as_of TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 12:00:00+00',
  preference BIGINT DEFAULT 1
);

CREATE TABLE found_events (
  source VARCHAR DEFAULT 'web', message_id VARCHAR, file_id VARCHAR, record_number BIGINT
);

CREATE TABLE explained_occurrences (
  source VARCHAR DEFAULT 'web',
  message_id VARCHAR,
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0
);

CREATE TABLE explained_conversions (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  further_ids VARCHAR[] DEFAULT [],
  source VARCHAR DEFAULT 'web',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  place BIGINT DEFAULT 1
);

CREATE TABLE explained_statuses (
  run_id VARCHAR DEFAULT 'run',
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR DEFAULT 'web',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  status VARCHAR,
  arrival TIMESTAMPTZ,
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  as_of TIMESTAMPTZ
);

CREATE TABLE explained_attempts (
  destination VARCHAR DEFAULT 'tiktok',
  for_event_id VARCHAR,
  for_event VARCHAR DEFAULT 'CompletePayment',
  relation VARCHAR DEFAULT 'own',
  attempted_at TIMESTAMPTZ,
  attempt BIGINT,
  outcome VARCHAR,
  code VARCHAR,
  file_id VARCHAR DEFAULT 'r1',
  record_number BIGINT DEFAULT 0
);

-- The sums of receipts, and what is made of them.

CREATE TABLE performance_segments (
  destination VARCHAR DEFAULT 'tiktok',
  hour TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 10:00:00+00',
  outcome VARCHAR DEFAULT 'accepted',
  code VARCHAR DEFAULT '0',
  latency_ms BIGINT,
  attempts BIGINT DEFAULT 100
);

CREATE TABLE new_sums (
  destination VARCHAR DEFAULT 'tiktok',
  hour TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 10:00:00+00',
  outcome VARCHAR DEFAULT 'accepted',
  code VARCHAR DEFAULT '0',
  latency_ms BIGINT,
  attempts BIGINT DEFAULT 100
);

CREATE TABLE merged_segments (
  destination VARCHAR DEFAULT 'tiktok',
  hour TIMESTAMPTZ DEFAULT TIMESTAMPTZ '2026-01-19 10:00:00+00',
  outcome VARCHAR DEFAULT 'accepted',
  code VARCHAR DEFAULT '0',
  latency_ms BIGINT,
  attempts BIGINT DEFAULT 100
);

CREATE TABLE stale_partitions (destination VARCHAR DEFAULT 'tiktok', attempted_date DATE);

CREATE TABLE api_settings (
  destination VARCHAR DEFAULT 'tiktok',
  reports VARCHAR DEFAULT 'all',
  throttling_codes VARCHAR[] DEFAULT ['429', '40100'],
  baseline_weeks BIGINT DEFAULT 4,
  min_attempts BIGINT DEFAULT 20,
  max_drop DECIMAL(18, 4) DEFAULT 0.2
);

CREATE TABLE api_performance (
  destination VARCHAR DEFAULT 'tiktok',
  hour TIMESTAMPTZ,
  attempts BIGINT DEFAULT 100,
  accepted BIGINT DEFAULT 98,
  throttled BIGINT DEFAULT 0,
  baseline_ratio DECIMAL(18, 4) DEFAULT 0.98,
  baseline_failures DECIMAL(18, 1) DEFAULT 2
);

CREATE TABLE api_errors (
  destination VARCHAR DEFAULT 'tiktok',
  hour TIMESTAMPTZ,
  code VARCHAR DEFAULT '50000',
  attempts BIGINT DEFAULT 100
);

CREATE TABLE api_telling_hours (
  destination VARCHAR DEFAULT 'tiktok',
  hour TIMESTAMPTZ,
  attempts BIGINT DEFAULT 100,
  failures BIGINT DEFAULT 2,
  throttled BIGINT DEFAULT 0,
  accepted BIGINT DEFAULT 98,
  baseline_ratio DECIMAL(18, 4) DEFAULT 0.98,
  baseline_failures DECIMAL(18, 1) DEFAULT 2,
  is_bad BOOLEAN DEFAULT FALSE
);

CREATE TABLE uploaded_events (
  destination VARCHAR DEFAULT 'tiktok',
  event_id VARCHAR,
  event VARCHAR DEFAULT 'CompletePayment',
  began_at TIMESTAMPTZ
);

CREATE TABLE quarantine (
  source VARCHAR DEFAULT 'web',
  kind VARCHAR DEFAULT 'events',
  file_id VARCHAR DEFAULT 'f1',
  record_number BIGINT DEFAULT 0,
  reason VARCHAR DEFAULT 'invalid_json'
);

CREATE TABLE strips (
  strip BIGINT DEFAULT 0,
  destination VARCHAR DEFAULT 'tiktok',
  source VARCHAR,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ
);
