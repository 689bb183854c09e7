-- What waits of one key (GET /ops/outbox/{key}) is found in its lane's part of the index: only rows of its hash are looked at
-- in the table. An index by key would cost each event another entry; this makes the one that it has 8 bytes longer.
CREATE INDEX outbox_lane_keys ON outbox (topic, partition, id, key_hash);
DROP INDEX outbox_lane;
