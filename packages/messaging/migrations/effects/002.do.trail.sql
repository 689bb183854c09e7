-- Headers of the record whose event asked for the effect; NULL: it had none. For logs and traces alone.
ALTER TABLE effect ADD COLUMN request_id text, ADD COLUMN traceparent text;
