create table account (id bigint generated always as identity primary key, name text not null);
insert into account (name) values ('a; b'), ('it''s');
