CREATE SCHEMA shop;
CREATE TABLE shop.people (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop.events (id int PRIMARY KEY, person_id int REFERENCES shop.people (id));
