CREATE POLICY everyone ON shop.people USING (true);
