CREATE TABLE users (
    id bigint PRIMARY KEY,
    email text NOT NULL UNIQUE
);

INSERT INTO users (id, email) VALUES (1, 'ada@example.org'), (2, 'alan@example.org');
