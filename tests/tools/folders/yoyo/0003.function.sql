-- depends: 0001.create-account
--   0002.index-account
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    -- a comment; with a semicolon
    RETURN upper(words) || ';';
END
$body$;
UPDATE account SET name = shout(name) WHERE id = 1;
