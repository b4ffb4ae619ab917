/* Two semicolons; one /* nested ; */ comment; */
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    -- it's a comment; with a quote
    RETURN upper(t) || $x$;$$;$x$;
END;
$body$;

CREATE FUNCTION pair() RETURNS int
LANGUAGE sql
BEGIN ATOMIC
    SELECT 1;
    SELECT CASE WHEN true THEN 2 ELSE 3 END;
END;

CREATE TABLE "odd;name" (v text DEFAULT E'it\'s; fine', w text DEFAULT 'a''b;c');
CREATE RULE "r;1" AS ON INSERT TO "odd;name" DO ALSO (SELECT 1; SELECT 2);

DO $$ BEGIN PERFORM shout('x'); END $$;
