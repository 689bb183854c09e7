CREATE TABLE journey (
  parcel_id text PRIMARY KEY,
  depots    text[] NOT NULL
);
