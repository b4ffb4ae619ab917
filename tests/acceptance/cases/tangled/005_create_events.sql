-- An earlier file made the table already, with other columns.
CREATE TABLE IF NOT EXISTS shop.events (id int PRIMARY KEY, entity_type text);
CREATE INDEX events_entity_type_idx ON shop.events (entity_type);
