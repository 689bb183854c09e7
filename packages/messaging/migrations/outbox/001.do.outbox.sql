-- Events that Kafka has not acknowledged yet. An id is drawn after the key's row is locked, so a key's ids ascend;
-- the identity's sequence caches one value at a time, or sessions would hand them out crosswise.
CREATE TABLE outbox (
  id          bigint GENERATED ALWAYS AS IDENTITY,
  event_id    uuid PRIMARY KEY,
  topic       text COLLATE "C" NOT NULL,
  -- The lane it waits in.
  partition   integer NOT NULL,
  -- Java's murmur2 of the key, made positive: its remainder is the partition.
  key_hash    integer NOT NULL,
  key         bytea,
  value       bytea,
  -- The schema that `value` is written with; NULL: the value goes out as it is.
  fingerprint text COLLATE "C",
  headers     json NOT NULL,
  -- Size of the record, so that a lane can be read up to a bound.
  bytes       integer NOT NULL,
  -- The instance whose request waits for the acknowledgement.
  origin      text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- Since when it is set aside, because Kafka refuses it for good: its key's later rows stay behind it. `cause` is a short
  -- stable slug, by which operators find its like; `detail` is Kafka's answer.
  set_aside_at timestamptz,
  cause       text,
  detail      text
) WITH (
  -- A queue: every row is soon dead, and the lanes' reads would wade through them.
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000,
  autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX outbox_lane ON outbox (topic, partition, id);
-- Empty as a rule: without it each read would look through the whole lane for rows that were set aside.
CREATE INDEX outbox_aside ON outbox (topic, partition) WHERE set_aside_at IS NOT NULL;

-- How many partitions each topic has, as the relay last saw it: a row's lane is computed from this when it is inserted.
CREATE TABLE outbox_topic (
  topic      text COLLATE "C" PRIMARY KEY,
  partitions integer NOT NULL CHECK (partitions > 0),
  -- Rule 23: while partitions are raised nothing is published. In the database, so that a raise that was interrupted leaves
  -- it so. Whoever publishes makes 'paused' of 'pausing' once nothing of it is on its way to Kafka any more.
  relay      text    NOT NULL DEFAULT 'runs' CHECK (relay IN ('runs', 'pausing', 'paused'))
);

-- The schemas that bodies in the outbox are written with, so that a body outlives the release that wrote it.
CREATE TABLE outbox_schema (
  fingerprint text COLLATE "C" PRIMARY KEY,
  subject     text NOT NULL,
  schema      text NOT NULL
);

-- What follows runs thousands of times a second, from plans that sessions keep. One that was made while the table was
-- nearly empty scans it whole, also when 200,000 rows wait (a read then takes seconds). So the functions allow no scan.

-- The first rows of each lane by id, at most max_rows and max_bytes of them, but at least one if there is any. `more` says
-- that a limit cut some off. Left out: ids whose deletion is under way (acknowledged), what was set aside, and the rows
-- behind that, of the same key. All lanes are read in the snapshot of the calling statement (STABLE).
-- A transaction that somebody keeps open (pg_dump, a long query) keeps every row that was deleted since, and each read would
-- step over all of them. So a lane is read from a floor, below which it holds nothing that could be read.
-- `aside` are the ids of the lane's rows that are set aside, NULL when there is none. `known_aside` are those that the floor
-- has passed, with rows of their keys behind them: as soon as one of them is not set aside any more, the lane is read from
-- its base, which is the floor that it had before. A lane without rows has one of NULLs, so that its `aside` is told.
CREATE FUNCTION outbox_first(
  topics text[], partitions int[], floors bigint[], bases bigint[], known_aside text[], max_bytes int[], acknowledged text[],
  max_rows int
) RETURNS TABLE (
  lane int, id bigint, event_id uuid, key bytea, value bytea, fingerprint text, headers json, bytes int, origin text,
  more boolean, aside bigint[]
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
#variable_conflict use_column
DECLARE
  skipped bigint[];
  aside_ids bigint[];
  aside_keys bytea[];
  first_id bigint;
BEGIN
  FOR i IN 1 .. coalesce(array_length(topics, 1), 0) LOOP
    skipped := acknowledged[i]::bigint[];
    SELECT coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.key) FILTER (WHERE s.key IS NOT NULL), '{}')
      INTO aside_ids, aside_keys
      FROM outbox s WHERE s.set_aside_at IS NOT NULL AND s.topic = topics[i] AND s.partition = partitions[i];
    first_id := CASE WHEN known_aside[i]::bigint[] <@ aside_ids THEN floors[i] ELSE bases[i] END;
    RETURN QUERY
      SELECT i, r.id, r.event_id, r.key, r.value, r.fingerprint, r.headers, r.bytes, r.origin,
        r.candidates = max_rows OR r.all_bytes > max_bytes[i], nullif(aside_ids, '{}')
      FROM (
        SELECT c.*, sum(c.bytes) OVER (ORDER BY c.id ROWS UNBOUNDED PRECEDING) AS total,
          sum(c.bytes) OVER () AS all_bytes, count(*) OVER () AS candidates
        FROM (
          SELECT o.* FROM outbox o
          WHERE o.topic = topics[i] AND o.partition = partitions[i] AND o.id >= first_id AND o.set_aside_at IS NULL
            AND o.id <> ALL (skipped) AND coalesce(o.key <> ALL (aside_keys), true)
          ORDER BY o.id LIMIT max_rows
        ) AS c
      ) AS r
      WHERE r.total <= max_bytes[i] OR r.total = r.bytes
      ORDER BY r.id;
    IF NOT FOUND THEN
      lane := i;
      more := false;
      aside := nullif(aside_ids, '{}');
      RETURN NEXT;
    END IF;
  END LOOP;
END $$;

-- Rows that wait in these lanes from their bases on, counted up to 100,000 a lane, and when the oldest of them came.
CREATE FUNCTION outbox_waiting(topics text[], partitions int[], bases bigint[], OUT waiting bigint, OUT oldest timestamptz)
LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
  SELECT sum(counted.n), min(first.created_at)
  FROM unnest(topics, partitions, bases) AS lane (topic, partition, base)
  CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
      SELECT FROM outbox o WHERE o.topic = lane.topic AND o.partition = lane.partition AND o.id >= lane.base LIMIT 100000
    ) AS counted_rows
  ) AS counted
  LEFT JOIN LATERAL (
    SELECT o.created_at FROM outbox o
    WHERE o.topic = lane.topic AND o.partition = lane.partition AND o.id >= lane.base ORDER BY o.id LIMIT 1
  ) AS first ON true
$$;

-- The last id that was drawn, and then who may be adding rows at this moment. Whoever adds a row holds ROW EXCLUSIVE on the
-- table from before it draws the row's id until its transaction has ended. So once these have ended, every row up to the id
-- is committed or never will be. Locks and not transaction ids: a transaction of another database is none of them.
CREATE FUNCTION outbox_adders(OUT last_id bigint, OUT adders text[])
LANGUAGE plpgsql AS $$ BEGIN
  SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO last_id FROM outbox_id_seq;
  -- Asked after the id, never before: who draws a lower id has its lock by now.
  adders := ARRAY(
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  );
END $$;

CREATE FUNCTION outbox_delete(event_ids uuid[]) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$ BEGIN
  -- Until the transaction ends. A deletion that a crash undoes only repeats events, and the disk has commits to make.
  PERFORM set_config('synchronous_commit', 'off', true);
  DELETE FROM outbox WHERE event_id = ANY (event_ids);
END $$;

CREATE FUNCTION outbox_holds(event_ids uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$ BEGIN
  RETURN QUERY SELECT o.event_id FROM outbox o WHERE o.event_id = ANY (event_ids);
END $$;

-- Rule 12: below these offsets the log holds nothing that this database does not know. Kept by the instance that publishes.
CREATE TABLE outbox_published (
  topic_id    uuid   NOT NULL,
  partition   int    NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (topic_id, partition)
);

-- Which database, of which server and timeline, has last compared itself with the log. Empty: none yet.
CREATE TABLE outbox_run (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  identity text    NOT NULL
);

-- Events that were never published, because the log had another event of the same version of their key.
CREATE TABLE outbox_dropped (
  event_id    uuid PRIMARY KEY,
  topic       text        NOT NULL,
  key         bytea,
  value       bytea,
  fingerprint text,
  headers     json        NOT NULL,
  created_at  timestamptz NOT NULL,
  dropped_at  timestamptz NOT NULL DEFAULT now()
);

-- Rule 12: what the log holds above the positions, until every key is judged by all of its records. In a table, because
-- a restored database may lack a million of them. What stays belongs to keys that are held.
CREATE TABLE log_event (
  -- Ascends in the order of each partition.
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic_id   uuid   NOT NULL,
  partition  int    NOT NULL,
  log_offset bigint NOT NULL,
  key        text   COLLATE "C" NOT NULL,
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

-- What operators did to rows that were set aside, and to keys that recovery held, as parking_audit has it of parked events.
-- `answer` is what they were told: a discard that is repeated, because its answer was lost, gets it again.
CREATE SEQUENCE outbox_audit_id;
CREATE TABLE outbox_audit (
  id       bigint      PRIMARY KEY DEFAULT nextval('outbox_audit_id'),
  at       timestamptz NOT NULL DEFAULT now(),
  operator text        NOT NULL,
  action   text        NOT NULL CHECK (action IN ('set-aside-redrive', 'set-aside-discard', 'release')),
  key      text        COLLATE "C" NOT NULL,  -- the row's key, or @ and its event id where the key is no text
  event    text,                               -- a release is of no single event
  reason   text,
  before   json        NOT NULL,
  after    json        NOT NULL,
  answer   json        NOT NULL
);
CREATE INDEX outbox_audit_discards ON outbox_audit (event) WHERE action = 'set-aside-discard';

-- Where there is an inbox too, both audits are one list: their ids come from one sequence.
DO $$ BEGIN
  IF to_regclass('parking_audit') IS NOT NULL THEN
    EXECUTE format('ALTER TABLE outbox_audit ALTER id SET DEFAULT nextval(%L::regclass)',
      pg_get_serial_sequence('parking_audit', 'id'));
    DROP SEQUENCE outbox_audit_id;
  END IF;
END $$;
