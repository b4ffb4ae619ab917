INSERT INTO people VALUES (1, 'Ada');

-- The owner is somebody nobody created.
INSERT INTO teams (id, owner_id)
VALUES (1, 99);
