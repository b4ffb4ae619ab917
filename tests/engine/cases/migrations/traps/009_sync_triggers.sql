CREATE TRIGGER sync_people AFTER INSERT ON auth.people
    FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
