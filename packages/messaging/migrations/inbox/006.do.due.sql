-- A key of which more is parked than one transaction takes goes on in steps. `due` says that it is not done yet: the
-- entry of the audit that the steps answer, or 0 where nobody asked (a gap was closed); NULL: nothing is to be done.
-- `skipped` holds versions that an operator gave up though they never came, as pairs: first, last, first, last.
ALTER TABLE inbox_key ADD COLUMN due bigint, ADD COLUMN skipped bigint[];
CREATE INDEX inbox_key_due ON inbox_key (key) WHERE due IS NOT NULL;

-- For one key: its head, the lowest of what waits, whether an arriving version is parked already, what cannot be read.
CREATE INDEX parked_turns ON parked (key, state, version, seq) WHERE NOT keyless;

-- What was discarded stays so when the log is read again: this very record, not another one at its place.
CREATE TABLE discarded (
  topic_id      uuid        NOT NULL,
  partition     int         NOT NULL,
  record_offset bigint      NOT NULL,
  sha256        text        NOT NULL,              -- of key and value, in hex
  at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic_id, partition, record_offset, sha256)
);

ALTER TABLE parking_audit DROP CONSTRAINT parking_audit_action_check;
ALTER TABLE parking_audit ADD CONSTRAINT parking_audit_action_check
  CHECK (action IN ('redrive', 'discard', 'accept-loss', 'skipped-arrived'));
