-- Rule 23: while partitions are raised nothing is published. In the database, so that a raise that was interrupted leaves it
-- so. Whoever publishes makes 'paused' of 'pausing' once nothing of it is on its way to Kafka any more.
ALTER TABLE outbox_topic ADD COLUMN relay text NOT NULL DEFAULT 'runs' CHECK (relay IN ('runs', 'pausing', 'paused'));
