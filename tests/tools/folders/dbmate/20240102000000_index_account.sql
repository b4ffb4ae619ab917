-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY account_name_idx ON account (name);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY account_name_idx;
