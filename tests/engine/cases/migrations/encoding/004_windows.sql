CREATE TABLE c (
    name text
);
