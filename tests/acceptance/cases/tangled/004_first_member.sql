CREATE TABLE shop.left_behind (id int);

INSERT INTO shop.memberships (person_id, since)
VALUES (99, DATE '2025-01-01');
