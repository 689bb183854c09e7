CREATE TABLE parcel (
  parcel_id text PRIMARY KEY,
  version   int  NOT NULL,
  depot     text NOT NULL
);
