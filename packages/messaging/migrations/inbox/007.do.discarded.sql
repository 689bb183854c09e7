-- The highest offset that was discarded of the partition. It is written under the position's lock, so that a batch which
-- reads that record again at the same moment sees it.
ALTER TABLE inbox_position ADD COLUMN discarded bigint;
UPDATE inbox_position AS p SET discarded =
  (SELECT max(record_offset) FROM discarded AS d WHERE d.topic_id = p.topic_id AND d.partition = p.partition);
