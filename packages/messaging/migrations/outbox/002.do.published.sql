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
