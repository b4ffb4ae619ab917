CREATE TABLE i​ (i int);
