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
  -- Why Kafka refuses the record for good: it is set aside, and its key's later rows stay behind it.
  set_aside_at timestamptz,
  cause       text
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
  partitions integer NOT NULL CHECK (partitions > 0)
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
CREATE FUNCTION outbox_first(
  topics text[], partitions int[], max_bytes int[], acknowledged text[], max_rows int
) RETURNS TABLE (
  lane int, id bigint, event_id uuid, key bytea, value bytea, fingerprint text, headers json, bytes int, origin text,
  more boolean
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
#variable_conflict use_column
DECLARE
  skipped bigint[];
  aside bytea[];
BEGIN
  FOR i IN 1 .. coalesce(array_length(topics, 1), 0) LOOP
    skipped := acknowledged[i]::bigint[];
    aside := ARRAY(
      SELECT s.key FROM outbox s
      WHERE s.set_aside_at IS NOT NULL AND s.topic = topics[i] AND s.partition = partitions[i] AND s.key IS NOT NULL
    );
    RETURN QUERY
      SELECT i, r.id, r.event_id, r.key, r.value, r.fingerprint, r.headers, r.bytes, r.origin,
        r.candidates = max_rows OR r.all_bytes > max_bytes[i]
      FROM (
        SELECT c.*, sum(c.bytes) OVER (ORDER BY c.id ROWS UNBOUNDED PRECEDING) AS total,
          sum(c.bytes) OVER () AS all_bytes, count(*) OVER () AS candidates
        FROM (
          SELECT o.* FROM outbox o
          WHERE o.topic = topics[i] AND o.partition = partitions[i] AND o.set_aside_at IS NULL
            AND o.id <> ALL (skipped) AND coalesce(o.key <> ALL (aside), true)
          ORDER BY o.id LIMIT max_rows
        ) AS c
      ) AS r
      WHERE r.total <= max_bytes[i] OR r.total = r.bytes
      ORDER BY r.id;
  END LOOP;
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
