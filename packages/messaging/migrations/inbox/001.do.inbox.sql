-- The inbox of a consumer: what it has applied, how far it has read, and what it could not apply.

-- Truth about how far each partition is applied. Keyed by the topic's id: a topic made again under the same name starts anew.
CREATE TABLE inbox_position (
  topic_id    uuid   NOT NULL,
  partition   int    NOT NULL,
  topic       text   NOT NULL,
  next_offset bigint NOT NULL,
  -- The highest offset that was discarded of the partition. It is written under the position's lock, so that a batch which
  -- reads that record again at the same moment sees it.
  discarded   bigint,
  PRIMARY KEY (topic_id, partition)
);

-- The key's lock, and its version guard. event_id is the event that made applied_version what it is;
-- NULL stands for a version that was skipped by hand, whose late arrival is a duplicate.
CREATE TABLE inbox_key (
  key             text    COLLATE "C" PRIMARY KEY,
  applied_version bigint  NOT NULL DEFAULT 0,
  event_id        text,
  held            boolean NOT NULL DEFAULT false,  -- head, behind or waiting records are parked
  applied_at      timestamptz,
  arrived_at      timestamptz NOT NULL DEFAULT now(),
  -- A key of which more is parked than one transaction takes goes on in steps. `due` says that it is not done yet: the
  -- entry of the audit that the steps answer, or 0 where nobody asked (a gap was closed); NULL: nothing is to be done.
  due             bigint,
  skipped         bigint[]  -- versions that an operator gave up though they never came, as pairs: first, last, first, last
) WITH (fillfactor = 70);  -- each row is written twice when a key is new, and once per event after: room for HOT updates
CREATE INDEX inbox_key_due ON inbox_key (key) WHERE due IS NOT NULL;

-- Records that are not applied, with their original bytes. seq is the order of arrival.
CREATE TABLE parked (
  key           text COLLATE "C" NOT NULL,
  keyless       boolean     NOT NULL,              -- it has no usable key: `key` is @topic:partition:offset, which a key may be too
  topic_id      uuid        NOT NULL,
  partition     int         NOT NULL,
  record_offset bigint      NOT NULL,
  seq           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  topic         text        NOT NULL,
  state         text        NOT NULL CHECK (state IN ('head', 'behind', 'waiting', 'conflict')),
  cause         text        NOT NULL,
  detail        text        NOT NULL,
  version       bigint,                            -- NULL where the record could not be decoded
  event_id      text,
  record_key    bytea,
  record_value  bytea,
  headers       jsonb       NOT NULL,              -- [[key, value], ...] in base64, as they came
  recorded_ms   bigint      NOT NULL,              -- the record's timestamp in Kafka; a producer may set any number
  attempts      int         NOT NULL,
  parked_at     timestamptz NOT NULL DEFAULT now(),
  -- In the place of the bytes, where they are over a bound or could not be read: what is remembered of them,
  -- {cause, detail, bytes, sha256}. The bytes stay in the log alone.
  reference     json,
  PRIMARY KEY (key, topic_id, partition, record_offset)
);
CREATE INDEX parked_by_cause ON parked (cause, key);
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

-- Every key a topic ever brought, numbered without gaps in order of first arrival. A row holds those of a batch,
-- the last of which has the number `last`: a row a key cost ten times as much, and their count a scan.
CREATE TABLE topic_keys (
  topic      text        NOT NULL,
  last       bigint      NOT NULL,
  keys       text[]      NOT NULL,
  arrived_at timestamptz NOT NULL DEFAULT now(),  -- that of the keys' rows: it leads from a key to its number
  PRIMARY KEY (topic, last)
);
CREATE INDEX topic_keys_by_arrival ON topic_keys (arrived_at);

-- What operators did to parked records, or to the position of a partition (@topic:partition), written with it. `answer` is
-- what they were told: a discard that is repeated, because its answer was lost, gets it again.
CREATE TABLE parking_audit (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT now(),
  operator text        NOT NULL,
  action   text        NOT NULL CHECK (action IN ('redrive', 'discard', 'accept-loss', 'skipped-arrived')),
  key      text        COLLATE "C" NOT NULL,
  event    text,
  reason   text,
  before   json        NOT NULL,
  after    json        NOT NULL,
  answer   json        NOT NULL
);
CREATE INDEX parking_audit_discards ON parking_audit (key, event) WHERE action = 'discard';
