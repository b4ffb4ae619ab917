CREATE TABLE g (i int);
