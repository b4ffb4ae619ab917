CREATE POLICY everyone ON people USING (true);
