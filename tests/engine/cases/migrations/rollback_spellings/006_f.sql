CREATE TABLE f (i int);
