create function shout(words text) returns text language plpgsql as $body$
begin
    -- a comment; with a semicolon
    return upper(words) || ';';
end
$body$;
update account set name = shout(name) where id = 1;
