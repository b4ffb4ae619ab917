-- What each project used, day by day.
CREATE TABLE platform.project_usage (
    project_id  uuid NOT NULL REFERENCES platform.projects (id) ON DELETE CASCADE,
    day         date NOT NULL,
    requests    bigint NOT NULL DEFAULT 0 CHECK (requests >= 0),
    bytes_out   bigint NOT NULL DEFAULT 0 CHECK (bytes_out >= 0),
    PRIMARY KEY (project_id, day)
);

CREATE FUNCTION platform.add_usage(p_project_id uuid, p_requests bigint, p_bytes bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO platform.project_usage (project_id, day, requests, bytes_out)
    VALUES (p_project_id, current_date, p_requests, p_bytes)
    ON CONFLICT (project_id, day) DO UPDATE
    SET requests = project_usage.requests + excluded.requests, bytes_out = project_usage.bytes_out + excluded.bytes_out;
$$;
