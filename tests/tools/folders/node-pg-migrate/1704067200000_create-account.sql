-- Up Migration
CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO account (name) VALUES ('a; b'), ('it''s');

-- Down Migration
DROP TABLE account;
