CREATE TABLE h (i int); -- ‮ ;h ELBAT PORD
