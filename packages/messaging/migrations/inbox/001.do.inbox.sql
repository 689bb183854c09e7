-- The inbox of a consumer: what it has applied, how far it has read, and what it could not apply.

-- Truth about how far each partition is applied. Keyed by the topic's id: a topic made again under the same name starts anew.
CREATE TABLE inbox_position (
  topic_id    uuid   NOT NULL,
  partition   int    NOT NULL,
  topic       text   NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (topic_id, partition)
);

-- The key's lock, and its version guard. event_id is the event that made applied_version what it is;
-- NULL stands for a version that was skipped by hand, whose late arrival is a duplicate.
CREATE TABLE inbox_key (
  key        text    COLLATE "C" PRIMARY KEY,
  applied_version bigint  NOT NULL DEFAULT 0,
  event_id        text,
  held            boolean NOT NULL DEFAULT false,  -- head, behind or waiting records are parked
  applied_at      timestamptz,
  arrived_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);  -- each row is written twice when a key is new, and once per event after: room for HOT updates

-- Records that are not applied, with their original bytes. seq is the order of arrival.
CREATE TABLE parked (
  key      text COLLATE "C" NOT NULL,
  keyless     boolean     NOT NULL,              -- belongs to no key: key is @topic:partition:offset, as a key's may be
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
  PRIMARY KEY (key, topic_id, partition, record_offset)
);
CREATE INDEX parked_by_cause ON parked (cause, key);

-- Every key a topic ever brought, numbered without gaps in order of first arrival. A row holds the ids of a batch,
-- the last of which has the number `last`: a row an id cost ten times as much, and their count a scan.
CREATE TABLE topic_keys (
  topic      text        NOT NULL,
  last       bigint      NOT NULL,
  keys  text[]      NOT NULL,
  arrived_at timestamptz NOT NULL DEFAULT now(),  -- that of the keys' rows: it leads from an id to its number
  PRIMARY KEY (topic, last)
);
CREATE INDEX topic_keys_by_arrival ON topic_keys (arrived_at);
