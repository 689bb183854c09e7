-- Rule 12: what the log holds above the positions, until every key is judged by all of its records. In a table, because
-- a restored database may lack a million of them. What stays belongs to keys that are held.
CREATE TABLE log_event (
  -- Ascends in the order of each partition.
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic_id   uuid   NOT NULL,
  partition  int    NOT NULL,
  log_offset bigint NOT NULL,
  key   text   COLLATE "C" NOT NULL,
  -- NULL: nobody can read it, and `detail` says why.
  version    bigint,
  event_id   text,
  value      bytea,
  detail     text,
  CHECK (version IS NULL = (event_id IS NULL)),
  -- A recovery that was interrupted reads the same records again.
  UNIQUE (topic_id, partition, log_offset)
);
CREATE INDEX log_event_key ON log_event (key, version, id);
