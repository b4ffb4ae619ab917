DROP FUNCTION shout(text);
