create function twice(words text) returns text language sql
begin atomic
    select words || words;
end;
update account set name = twice(name) where id = 2;
