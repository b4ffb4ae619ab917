--liquibase formatted sql

--changeset ada:create-account
--comment: The first table
CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO account (name) VALUES ('a; b'), ('it''s');
--rollback DROP TABLE account;

--changeset ada:index-account runInTransaction:false
CREATE INDEX CONCURRENTLY account_name_idx ON account (name);
--rollback DROP INDEX account_name_idx;
