-- transactional: false
-- depends: 0001.create-account
CREATE INDEX CONCURRENTLY account_name_idx ON account (name);
