CREATE TABLE IF NOT EXISTS audit (
    id bigint PRIMARY KEY,
    entity_type text NOT NULL
);

CREATE INDEX audit_entity ON audit (entity_type);
