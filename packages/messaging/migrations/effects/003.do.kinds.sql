-- Claims look at each kind by itself: those of a kind that is paused (rule 25), however many, are not read.
DROP INDEX effect_due;
CREATE INDEX effect_due ON effect (kind, due_at) WHERE due_at IS NOT NULL;
