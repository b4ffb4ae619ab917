--! Previous: -
--! Hash: sha1:65d759cb27facf1eef08888a09dc4eea1fb8859f
--! Message: create-account

CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO account (name) VALUES ('a; b'), ('it''s');
