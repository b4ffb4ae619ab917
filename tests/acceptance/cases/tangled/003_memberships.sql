CREATE TABLE shop.memberships (person_id int NOT NULL REFERENCES shop.people (id), since date NOT NULL);
