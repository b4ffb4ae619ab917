def test_fixtures(target_db, target_url):
    assert target_db.query("select 1") == [(1,)]
    assert target_db.query("create table a()") == []
