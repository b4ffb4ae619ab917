--! Previous: sha1:21baf2fbe3e7970fa89a1798d0307629b1e5294a
--! Hash: sha1:623a0613b7dc102f6a2d5642b2d5139c3e331e28
--! Message: words

CREATE SCHEMA :APP;
CREATE FUNCTION :APP.shout(words text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    -- a comment; with a semicolon
    RETURN upper(words) || ';';
END
$body$;
UPDATE account SET name = :APP.shout(name) WHERE id = 1;
