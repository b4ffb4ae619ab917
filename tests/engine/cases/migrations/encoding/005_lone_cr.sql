CREATE TABLE d (name text);
-- harmlessDROP TABLE users;
