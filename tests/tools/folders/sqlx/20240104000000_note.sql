CREATE TABLE note (id int PRIMARY KEY, account bigint REFERENCES account);
