-- What fails and is tried again is listed by key (GET /ops/effects?state=failing): without it all that is parked was read.
CREATE INDEX effect_tried_again ON effect (key) WHERE failing_since IS NOT NULL AND parked_at IS NULL;
