CREATE ROLE reader;
CREATE SCHEMA platform;
CREATE TYPE platform.mood AS ENUM ('good', 'bad');
CREATE TYPE platform.pair AS (a integer, b text);
CREATE DOMAIN platform.email AS text CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE TYPE platform.span AS RANGE (subtype = integer);
CREATE SEQUENCE platform.numbers;
CREATE TABLE platform.users (
    id serial PRIMARY KEY,
    email text NOT NULL DEFAULT 'a@b',
    mood platform.mood,
    city varchar(20) COLLATE "C",
    born timestamptz DEFAULT '2020-01-01 00:00:00+00',
    twice integer GENERATED ALWAYS AS (1 + 1) STORED,
    number bigint GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT users_email_key UNIQUE (email)
);
CREATE TABLE platform.orders (
    id bigint PRIMARY KEY,
    user_id integer CONSTRAINT orders_user REFERENCES platform.users (id),
    total numeric(10, 2) CONSTRAINT positive CHECK (total > 0)
);
CREATE INDEX users_city ON platform.users (city);
CREATE TABLE platform.events (id bigint, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE platform.events_2024 PARTITION OF platform.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE platform.events_old (id bigint NOT NULL, at date NOT NULL);
CREATE VIEW platform.cities AS SELECT city, count(*) AS people FROM platform.users GROUP BY city;
CREATE MATERIALIZED VIEW platform.moods AS SELECT mood FROM platform.users;
CREATE FUNCTION platform.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    RETURN NEW;
END$$;
CREATE FUNCTION platform.add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE PROCEDURE platform.tidy() LANGUAGE sql AS 'DELETE FROM platform.orders WHERE false';
CREATE AGGREGATE platform.total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
CREATE TRIGGER touch BEFORE UPDATE ON platform.users FOR EACH ROW EXECUTE FUNCTION platform.touch();
CREATE POLICY own ON platform.users FOR SELECT USING (email = current_user);
CREATE RULE quiet AS ON DELETE TO platform.orders DO INSTEAD NOTHING;
CREATE STATISTICS platform.linked ON email, city FROM platform.users;
CREATE PUBLICATION changes FOR TABLE platform.users;
CREATE OPERATOR platform.=== (leftarg = integer, rightarg = integer, function = int4eq);
CREATE TEXT SEARCH CONFIGURATION platform.words (copy = english);
COMMENT ON TABLE platform.users IS 'People';
GRANT SELECT ON platform.orders TO reader;
