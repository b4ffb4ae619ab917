-- migrate:up
CREATE TABLE note (id int PRIMARY KEY, account bigint REFERENCES account);
-- migrate:down
DROP TABLE note;
