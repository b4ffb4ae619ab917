-- A check for people: run it by hand in psql after 007. Signalbox lists it and never applies it.
SELECT p.name, count(m.user_id) AS members
FROM platform.projects p
LEFT JOIN platform.organization_members m USING (organization_id)
GROUP BY p.name
ORDER BY p.name;
