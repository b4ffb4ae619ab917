DROP FUNCTION platform.is_member(uuid, uuid);
DROP TABLE platform.organization_members;
DROP TABLE platform.users;
DROP TYPE platform.member_role;
