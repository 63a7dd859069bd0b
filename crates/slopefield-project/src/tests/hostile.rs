//! Files made to harm: refused with a sentence, never a panic, never a change.

use super::samples::{everything, full};
use crate::{Project, ProjectError, info, verify};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Bytes of a project with something in every table.
fn sample() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.slopefield");
        full(&path).0.close().unwrap();
        fs::read(path).unwrap()
    })
}

fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("hostile.slopefield");
    fs::write(&path, bytes).unwrap();
    path
}

/// After `sql` the file must be refused as foreign, with this in the sentence.
#[track_caller]
fn check_refused(sql: &str, sentence: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), sample());
    {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
            .unwrap();
        conn.execute_batch(sql).unwrap();
    }
    let before = fs::read(&path).unwrap();
    let error = Project::open_foreign(&path).expect_err(sql);
    assert!(error.to_string().contains(sentence), "{sql}: {error}");
    assert!(!error.advice().is_empty());
    let report = verify(&path).unwrap();
    assert!(!report.ok, "{sql}: {report:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_unharmed_copy_is_accepted() {
    // Without this the refusals below would prove nothing.
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), sample());
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE run SET seconds = 3.5")
        .unwrap();
    let project = Project::open_foreign(&path).unwrap();
    assert_eq!(project.runs().unwrap()[0].seconds, 3.5);
}

#[test]
fn foreign_objects_in_the_schema() {
    check_refused(
        "CREATE TRIGGER harm AFTER INSERT ON run BEGIN DELETE FROM model_text; END",
        "it has the trigger `harm`",
    );
    check_refused("CREATE VIEW harm AS SELECT load_extension('x')", "it has the view `harm`");
    check_refused(
        "CREATE VIEW harm AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c",
        "it has the view `harm`",
    );
    check_refused("CREATE VIRTUAL TABLE harm USING fts5(x)", "virtual table `harm`");
    check_refused("CREATE VIRTUAL TABLE harm USING rtree(id, a, b)", "virtual table `harm`");
    check_refused("CREATE TABLE harm (x)", "it has the table `harm`");
    check_refused("CREATE INDEX harm ON run (abs(number))", "it has the index `harm`");
    check_refused("DROP INDEX run_data_table", "its index `run_data_table` is missing");
    check_refused("DROP TABLE run_note", "is missing");
    check_refused(
        "ALTER TABLE meta ADD COLUMN harm TEXT GENERATED ALWAYS AS (hex(value)) VIRTUAL",
        "its table `meta` is not defined as in a project",
    );
    check_refused("ALTER TABLE run RENAME COLUMN seed TO seeds", "its table `run` is not defined");
    check_refused("CREATE TABLE \"harm\u{202E}\" (x)", "it has the table `harm`");
    // A view in the place of a table.
    check_refused(
        "DROP TABLE meta; CREATE VIEW meta AS SELECT 'write_version' AS key, '1' AS value",
        "it has the view `meta`",
    );
    check_refused("DELETE FROM migration", "its ledger of schema steps");
    check_refused("UPDATE migration SET sql_hash = 'x'", "its ledger of schema steps");
}

#[test]
fn foreign_values() {
    check_refused("UPDATE run SET status = 'hacked'", "none of the words running, paused");
    check_refused("UPDATE array SET element = 'pickle'", "none of the words f64, u8");
    check_refused("UPDATE head SET model_text_id = 99", "refers to something that is not there");
    check_refused(
        "UPDATE edit_change SET before_id = 99 WHERE kind = 'model'",
        "1 changes in the history of edits point to nothing",
    );
    check_refused("DELETE FROM head", "which model and study are current");
    check_refused("UPDATE data_table SET name = 'a' || char(8238) || 'b'", "changes the direction");
    check_refused("UPDATE data_table SET name = 'a' || char(7) || 'b'", "control character U+0007");
    check_refused("UPDATE data_column SET name = '' WHERE position = 0", "it is empty");
    check_refused("UPDATE model_text SET text = CAST(x'FFFE41' AS TEXT)", "not UTF-8");
    check_refused(
        "UPDATE run_note SET message = hex(zeroblob(5000))",
        "it has 10000 bytes, at most 4000 are stored",
    );
    check_refused("UPDATE run_parameter SET value = 9e999", "not finite");
    check_refused("UPDATE data_table SET row_count = 4", "has 5 rows and claims 4");
    check_refused("UPDATE data_table SET content_blake3 = 'x'", "does not match its content hash");
    check_refused(
        "UPDATE run_data SET content_blake3 = 'x'",
        "table `counts` is not the one run 1 was trained on",
    );
    check_refused("UPDATE run SET seed = 'many'", "run 1 has the seed `many`");
    check_refused("UPDATE run_note SET iteration = 5000000000", "reading the notes");
    check_refused("UPDATE array SET shape = '1000000x1000000'", "larger than an array may be");
    check_refused("UPDATE array SET byte_count = byte_count + 1", "it claims");
    check_refused("UPDATE array_chunk SET bytes = x'00'", "array 1: piece 0");
    check_refused("UPDATE run_history SET parameters_f64le = x'00'", "have 1 bytes");
    check_refused(
        "UPDATE trajectory SET time_array_id = 1, value_array_id = value_array_id",
        "has 5 times and 2 values",
    );
    check_refused(
        "UPDATE meta SET value = 'many' WHERE key = 'write_version'",
        "write version is missing",
    );
}

#[test]
fn a_schema_written_by_hand() {
    // Types that SQLite itself would not write into the schema.
    check_refused(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('trigger', 'harm', 'run', 0, 'CREATE TRIGGER harm AFTER INSERT ON run BEGIN SELECT 1; END')",
        "",
    );
    check_refused(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE run_note (x' WHERE name = 'run_note'",
        "malformed",
    );
    check_refused(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'run_note'",
        "",
    );
}

#[test]
fn names_that_look_like_addresses_are_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "file:harm.slopefield",
        "file:harm?mode=memory",
        "file:///etc/passwd",
        "a?mode=rwc&vfs=unix-none#x.slopefield",
        "100%25.slopefield",
        ":memory:",
    ] {
        assert!(matches!(Project::open(name), Err(ProjectError::Io { .. })), "{name}");
        assert!(matches!(Project::open_foreign(name), Err(ProjectError::Io { .. })), "{name}");
        if name.contains('/') {
            continue;
        }
        let path = folder.path().join(name);
        fs::write(&path, sample()).unwrap();
        assert_eq!(
            Project::open_foreign(&path).unwrap().title().unwrap().as_deref(),
            Some("Pelts")
        );
        assert_eq!(Project::open(&path).unwrap().title().unwrap().as_deref(), Some("Pelts"));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}

/// Whatever the bytes are: an answer or a sentence from every way in.
fn check_any(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), bytes);
    let sentence = |error: ProjectError| {
        assert!(!error.to_string().is_empty());
        assert!(!error.advice().is_empty());
    };
    match Project::open_foreign(&path) {
        // What was let in is whole.
        Ok(project) => {
            assert!(project.verify().ok);
            everything(&project);
        }
        Err(error) => sentence(error),
    }
    if let Err(error) = verify(&path) {
        sentence(error);
    }
    if let Err(error) = info(&path) {
        sentence(error);
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
    match Project::open(&path) {
        Ok(mut project) => {
            let _ = project.model_text();
            let _ = project.runs();
            let _ = project.set_title("x");
            let _ = project.close();
        }
        Err(error) => sentence(error),
    }
}

#[test]
fn truncated_files() {
    let bytes = sample();
    let mut lengths: Vec<usize> = (0..16).map(|n| n * bytes.len() / 16).collect();
    lengths.extend([1, 15, 16, 99, 100, 101, 511, 4095, 4096, 4097, 8192, bytes.len() - 1]);
    for length in lengths {
        check_any(&bytes[..length]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn mutated_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = sample().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check_any(&bytes);
    }

    #[test]
    fn mutated_first_pages(changes in prop::collection::vec((0usize..12_288, any::<u8>()), 1..6)) {
        // The schema and the roots of the first tables: most of the engine's decisions.
        let mut bytes = sample().to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        check_any(&bytes);
    }

    #[test]
    fn a_header_and_anything(tail in prop::collection::vec(any::<u8>(), 0..5000)) {
        let mut bytes = sample()[..100].to_vec();
        bytes.extend(tail);
        check_any(&bytes);
    }
}
