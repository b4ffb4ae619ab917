CREATE INDEX account_name_idx ON account (name);
INSERT INTO account (name) VALUES ('
-- no down migration: these words are data');
