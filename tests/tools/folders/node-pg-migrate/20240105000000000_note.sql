-- Up Migration
CREATE TABLE note (id int PRIMARY KEY, account bigint REFERENCES account);
-- Down Migration
DROP TABLE note;
