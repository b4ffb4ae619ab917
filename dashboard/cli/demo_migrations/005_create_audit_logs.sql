-- Who did what to what.
CREATE TABLE platform.audit_logs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      uuid REFERENCES platform.users (id) ON DELETE SET NULL,
    action       text NOT NULL,
    entity_type  text NOT NULL,
    entity_id    text NOT NULL,
    changes      jsonb,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX audit_logs_entity_idx ON platform.audit_logs (entity_type, entity_id);
CREATE INDEX audit_logs_created_at_idx ON platform.audit_logs (created_at DESC);
