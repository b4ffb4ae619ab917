-- Deploy shop:index to pg
CREATE INDEX CONCURRENTLY account_name_idx ON account (name);
