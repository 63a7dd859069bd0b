//! Settings read back, runaway statements, the authorizer.

use super::{Access, Link, WHOLE_FILE, immutable_uri, pragma};
use crate::error::{Doing, ProjectError};
use crate::schema;
use std::path::Path;

#[test]
fn every_connection_has_every_setting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.slopefield");
    let created = Link::open(&path, Access::Create).unwrap();
    schema::create(&created).unwrap();
    let mut links = vec![("create", created), ("memory", Link::in_memory().unwrap())];
    for access in [Access::Read, Access::ReadImmutable, Access::Write] {
        links.push(("open", Link::open(&path, access).unwrap()));
    }
    for (kind, link) in &links {
        let settings = link.settings().unwrap();
        assert_eq!(settings.len(), 28);
        for (name, found, expected) in settings {
            assert_eq!(found, expected, "{kind}: {name}");
        }
    }
}

#[test]
fn load_extension_and_user_functions_are_out_of_reach() {
    let link = Link::in_memory().unwrap();
    let error = link.conn().prepare("SELECT load_extension('x')").expect_err("refused");
    assert!(error.to_string().contains("not authorized"), "{error}");
}

#[test]
fn an_endless_query_is_stopped() {
    let link = Link::in_memory().unwrap();
    // Recursive queries are not authorised; under maintenance they are, and the clock still runs.
    let sql =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    assert!(link.conn().prepare(sql).is_err());
    let stopped = link.maintenance(|conn| {
        link.watch.arm(std::time::Duration::from_millis(50));
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).doing("counting for ever")
    });
    assert!(matches!(stopped, Err(ProjectError::TookTooLong { .. })), "{stopped:?}");
    assert!(WHOLE_FILE > super::OPERATION);
}

#[test]
fn statements_outside_the_list_are_refused() {
    let link = Link::in_memory().unwrap();
    schema::create(&link).unwrap();
    for sql in [
        "CREATE TABLE other (x)",
        "DROP TABLE meta",
        "ATTACH 'x.db' AS x",
        "CREATE TRIGGER t AFTER INSERT ON meta BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = ''",
        "SELECT randomblob(10)",
        "ALTER TABLE meta ADD COLUMN x",
    ] {
        assert!(link.conn().prepare(sql).is_err(), "{sql}");
    }
    assert!(link.conn().prepare("SELECT count(*) FROM meta").is_ok());
    assert_eq!(pragma(link.conn(), "user_version").unwrap(), Some(1));
}

#[test]
fn relative_names_are_not_opened() {
    for name in ["file:x.slopefield?mode=memory", "x.slopefield", ":memory:"] {
        assert!(Link::open(Path::new(name), Access::Read).is_err());
    }
}

#[test]
#[cfg(unix)]
fn uris_are_percent_encoded() {
    let uri = immutable_uri(Path::new("/a b/ü?mode=rwc&x#y%20.slopefield")).unwrap();
    assert_eq!(
        uri.to_str().unwrap(),
        "file:/a%20b/%C3%BC%3Fmode%3Drwc%26x%23y%2520.slopefield?immutable=1"
    );
}
