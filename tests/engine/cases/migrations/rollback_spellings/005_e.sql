CREATE TABLE e (i int);
