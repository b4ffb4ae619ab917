CREATE TABLE members (
    user_id bigint NOT NULL REFERENCES users (id),
    role text NOT NULL
);

INSERT INTO members (user_id, role) VALUES (1, 'owner');

-- Nobody has the number 3.
INSERT INTO members (user_id, role)
VALUES (3, 'member');

CREATE INDEX members_user ON members (user_id);
