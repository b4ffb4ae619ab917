CREATE TABLE b (name text);
