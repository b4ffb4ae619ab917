DROP POLICY IF EXISTS everyone ON shop.people;

RAISE NOTICE 'done';
