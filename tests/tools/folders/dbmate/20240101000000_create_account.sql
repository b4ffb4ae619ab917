-- Comments may stand above the first mark.

-- migrate:up
CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO account (name) VALUES ('a; b'), ('-- no mark of anything'), ('it''s');

-- migrate:down
DROP TABLE account;
