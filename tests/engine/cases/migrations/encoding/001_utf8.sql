CREATE TABLE cafés (name text);
INSERT INTO cafés VALUES ('Zürich, 東京');
