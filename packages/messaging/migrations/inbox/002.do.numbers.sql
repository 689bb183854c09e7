-- A batch adds its keys without a number, so that it waits for no other's commit; they are numbered afterwards (rule 20).
ALTER TABLE topic_keys
  DROP CONSTRAINT topic_keys_pkey,
  ALTER COLUMN last DROP NOT NULL,
  -- One of the partitions whose positions the batch has locked: those of a partition are committed in the sequence of
  -- `seq`. Keys that were numbered when they were added have none, and need none.
  ADD COLUMN topic_id  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  ADD COLUMN partition int  NOT NULL DEFAULT 0,
  ADD COLUMN seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  ADD PRIMARY KEY (topic_id, partition, seq);
CREATE UNIQUE INDEX topic_keys_numbers ON topic_keys (topic, last) WHERE last IS NOT NULL;
