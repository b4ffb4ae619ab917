CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    RETURN upper(words) || ';';
END
$body$;
UPDATE account SET name = shout(name) WHERE id = 1;
