-- Undo the policies.

RAISE NOTICE 'Dropping policies';

DROP POLICY everyone ON people;
