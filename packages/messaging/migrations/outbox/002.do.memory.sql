-- What the process that publishes has committed itself goes out from its memory (rule 24), so lanes are read ten times a
-- second instead of before each send.

-- As outbox_first, which a release before calls, but for two things: `acknowledged` are event ids, since what goes out from
-- memory has no id there; and with many lanes an empty one costs little: it has no row, unless there is an `aside` to tell.
CREATE FUNCTION outbox_read(
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
  any_aside boolean := EXISTS (SELECT FROM outbox WHERE set_aside_at IS NOT NULL);
  skipped uuid[];
  aside_ids bigint[] := '{}';
  aside_keys bytea[] := '{}';
  first_id bigint;
BEGIN
  FOR i IN 1 .. coalesce(array_length(topics, 1), 0) LOOP
    IF any_aside THEN
      SELECT coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.key) FILTER (WHERE s.key IS NOT NULL), '{}')
        INTO aside_ids, aside_keys
        FROM outbox s WHERE s.set_aside_at IS NOT NULL AND s.topic = topics[i] AND s.partition = partitions[i];
    END IF;
    first_id := CASE WHEN known_aside[i]::bigint[] <@ aside_ids THEN floors[i] ELSE bases[i] END;
    skipped := acknowledged[i]::uuid[];
    RETURN QUERY
      SELECT i, r.id, r.event_id, r.key, r.value, r.fingerprint, r.headers, r.bytes, r.origin,
        r.candidates = max_rows OR r.all_bytes > max_bytes[i], nullif(aside_ids, '{}')
      FROM (
        SELECT c.*, sum(c.bytes) OVER (ORDER BY c.id ROWS UNBOUNDED PRECEDING) AS total,
          sum(c.bytes) OVER () AS all_bytes, count(*) OVER () AS candidates
        FROM (
          SELECT o.* FROM outbox o
          WHERE o.topic = topics[i] AND o.partition = partitions[i] AND o.id >= first_id AND o.set_aside_at IS NULL
            AND o.event_id <> ALL (skipped) AND coalesce(o.key <> ALL (aside_keys), true)
          ORDER BY o.id LIMIT max_rows
        ) AS c
      ) AS r
      WHERE r.total <= max_bytes[i] OR r.total = r.bytes
      ORDER BY r.id;
    IF NOT FOUND AND aside_ids <> '{}' THEN
      lane := i;
      more := false;
      aside := aside_ids;
      RETURN NEXT;
    END IF;
  END LOOP;
END $$;

-- After an outage the table keeps the size that it had grown to, and its indexes keep theirs: vacuum only makes room for
-- new rows. An empty one is cut to nothing, if nobody uses it at this moment: no writer waits for that, and pg_dump, which
-- holds a lock, keeps what it sees.
CREATE FUNCTION outbox_shrink(larger_than bigint DEFAULT 33554432) RETURNS boolean
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$ BEGIN
  IF pg_total_relation_size('outbox') <= larger_than THEN RETURN false; END IF;
  -- Before anybody could have to wait: it steps over dead rows, and leaves word in the index of those that it may.
  IF EXISTS (SELECT FROM outbox) THEN RETURN false; END IF;
  LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE NOWAIT;
  -- A statement after the lock: it sees all that is committed, and nobody is adding any more.
  IF EXISTS (SELECT FROM outbox) THEN RETURN false; END IF;
  TRUNCATE outbox;
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;
