CREATE TABLE teams (
    id bigint PRIMARY KEY,
    owner_id bigint NOT NULL REFERENCES people (id)
);

CREATE TABLE audit (
    id bigint PRIMARY KEY,
    action text NOT NULL
);
