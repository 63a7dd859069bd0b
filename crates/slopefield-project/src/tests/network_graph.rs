//! Networks as plugins recorded them, and files from before they were kept.

use super::samples::{full, recorded};
use crate::{Project, ProjectError, RecordedNetwork, verify};
use std::path::Path;

fn execute(path: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
}

fn all(project: &Project) -> Vec<RecordedNetwork> {
    let mut all = Vec::new();
    project.each_recorded_network(&mut |n| all.push(n.clone())).unwrap();
    all
}

fn find(project: &Project, like: &RecordedNetwork) -> Option<RecordedNetwork> {
    project.recorded_network(&like.kind, &like.options, like.inputs, like.outputs).unwrap()
}

#[test]
fn a_network_is_found_by_kind_options_and_sizes_and_the_newest_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, run) = full(&folder.path().join("p.slopefield"));
    let first = recorded();
    assert_eq!(find(&project, &first).as_ref(), Some(&first));
    for other in [
        RecordedNetwork { kind: "org.example.a/c".into(), ..first.clone() },
        RecordedNetwork { options: "grid: 6".into(), ..first.clone() },
        RecordedNetwork { inputs: 3, ..first.clone() },
        RecordedNetwork { outputs: 2, ..first.clone() },
    ] {
        assert_eq!(find(&project, &other), None);
    }
    let newer =
        RecordedNetwork { plugin_version: "0.3.0".into(), bytes: vec![9; 100], ..first.clone() };
    project.keep_network(&newer).unwrap();
    assert_eq!(find(&project, &first), Some(newer.clone()));
    // The same plugin again: nothing is kept twice.
    let same = RecordedNetwork { bytes: vec![8; 50], ..first.clone() };
    project.keep_network(&same).unwrap();
    project.keep_network(&same).unwrap();
    assert_eq!(all(&project), [newer, same.clone()]);
    assert_eq!(find(&project, &first), Some(same));
    // It belongs to the project, not to the run, and is no edit.
    assert_eq!(project.undo_label().unwrap().as_deref(), Some("add table counts"));
    let before = all(&project);
    project.delete_run(&run).unwrap();
    project.compact().unwrap();
    assert_eq!(all(&project), before);
    assert!(project.verify().ok);
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, _) = full(&folder.path().join("p.slopefield"));
    let long = "x".repeat(1000);
    for bad in [
        RecordedNetwork { kind: long.clone(), ..recorded() },
        RecordedNetwork { options: "\u{202e}".into(), ..recorded() },
        RecordedNetwork { plugin_version: long.clone(), ..recorded() },
        RecordedNetwork { plugin_blake3: long.clone(), ..recorded() },
    ] {
        let error = project.keep_network(&bad).unwrap_err();
        assert!(matches!(error, ProjectError::BadText { .. }), "{error}");
    }
    for bad in
        [RecordedNetwork { inputs: 0, ..recorded() }, RecordedNetwork { op_set: 0, ..recorded() }]
    {
        assert!(project.keep_network(&bad).is_err());
    }
    assert_eq!(all(&project), [recorded()]);
}

#[test]
fn a_file_of_the_second_step_gains_the_table_with_its_first_edit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    full(&path).0.close().unwrap();
    execute(&path, "DROP TABLE network_graph; DELETE FROM migration WHERE step = 3; VACUUM");
    let bytes = std::fs::read(&path).unwrap();

    let mut project = Project::open(&path).unwrap();
    assert_eq!(find(&project, &recorded()), None);
    assert_eq!(all(&project), []);
    assert!(project.verify().ok, "{:?}", project.verify());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    project.keep_network(&recorded()).unwrap();
    project.close().unwrap();
    assert!(verify(&path).unwrap().ok);
    for open in [Project::open, Project::open_read_only, Project::open_foreign] {
        assert_eq!(all(&open(&path).unwrap()), [recorded()]);
    }
}

#[test]
fn a_damaged_graph_is_found() {
    for (sql, part) in [
        ("UPDATE network_graph SET array_id = 12345", "references"),
        ("UPDATE network_graph SET kind = char(27)", "values"),
        (
            "UPDATE array_chunk SET bytes = x'00' WHERE array_id = (SELECT array_id FROM network_graph)",
            "arrays",
        ),
        (
            // An array of numbers is no graph.
            "UPDATE network_graph SET array_id = (SELECT array_id FROM run_weights)",
            "recorded networks",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.slopefield");
        full(&path).0.close().unwrap();
        execute(&path, &format!("PRAGMA foreign_keys = OFF; {sql}"));
        let report = verify(&path).unwrap();
        let failed: Vec<_> =
            report.checks.iter().filter(|c| c.result.is_err()).map(|c| c.name).collect();
        assert!(failed.contains(&part), "{sql}: {report:?}");
        assert!(Project::open_foreign(&path).is_err(), "{sql}");
    }
}
