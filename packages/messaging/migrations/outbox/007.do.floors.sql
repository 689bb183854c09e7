-- A transaction that somebody keeps open (pg_dump, a long query) keeps every row that was deleted since, and each read of a
-- lane stepped over all of them. So a lane is read from a floor, below which it holds nothing that could be read.

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

-- outbox_first of 001, read from a floor; that one stays for instances of the release before, which may still run.
-- `aside` are the ids of the lane's rows that are set aside, NULL when there is none. `known_aside` are those that the floor has passed, with rows of
-- their keys behind them: as soon as one of them is not set aside any more, the lane is read from its base, which is the
-- floor that it had before. A lane without rows has one of NULLs, so that its `aside` is told.
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
