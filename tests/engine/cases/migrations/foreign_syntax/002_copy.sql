CREATE TABLE b (i int, t text);
COPY b FROM STDIN;
1	O'Brien
\N	x
\.
SELECT 1;
