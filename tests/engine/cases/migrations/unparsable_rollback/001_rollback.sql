-- RAISE is PL/pgSQL; it does not stand alone.

RAISE NOTICE 'dropping users';

DROP TABLE users;
