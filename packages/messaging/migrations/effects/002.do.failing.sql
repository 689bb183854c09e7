-- Since when an effect has failed with this cause at each attempt: an outcome that stays unknown is parked after a while.
-- NULL: it has not failed, or an operator lets it begin anew. Only the first effect of a key has it: no other is tried.
ALTER TABLE effect ADD COLUMN failing_since timestamptz;
-- An attempt is under way, for as long as `due_at` is ahead. Its cause and detail are those of the failure before.
ALTER TABLE effect ADD COLUMN running boolean NOT NULL DEFAULT false;
UPDATE effect SET failing_since = coalesce(parked_at, now()) WHERE cause IS NOT NULL;
CREATE INDEX effect_failing ON effect (cause, key) WHERE failing_since IS NOT NULL;
