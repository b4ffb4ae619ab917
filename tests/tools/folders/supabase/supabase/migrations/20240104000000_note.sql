create table note (id int primary key, account bigint references account);
