-- In the place of a record's bytes, where they are over a bound or could not be read: what is remembered of them,
-- {cause, detail, bytes, sha256}. The bytes stay in the log alone.
ALTER TABLE parked ADD COLUMN reference json;
