--liquibase formatted sql
--changeset ada:note
CREATE TABLE note (id int PRIMARY KEY, account bigint REFERENCES account);
--rollback DROP TABLE note;
