CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    -- a comment; with a semicolon
    RETURN upper(words) || ';';
END
$body$;
UPDATE "Account" SET "name" = shout("name") WHERE "id" = 1;
