CREATE TABLE shop.databases (id int PRIMARY KEY);
