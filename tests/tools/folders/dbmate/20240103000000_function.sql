-- migrate:up
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    -- a comment; with a semicolon
    RETURN upper(words) || ';';
END
$body$;
UPDATE account SET name = shout(name) WHERE id = 1;

-- migrate:down
DROP FUNCTION shout(text);
