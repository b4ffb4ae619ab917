CREATE TABLE d_${SUFFIX} (i int);
