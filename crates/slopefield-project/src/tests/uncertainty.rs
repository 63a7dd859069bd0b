//! Results about how sure a run is, and files from before there were any.

use super::samples::{full, uncertainty};
use crate::{NewUncertainty, Project, ProjectError, verify};
use std::path::Path;

fn count(path: &Path, table: &str) -> i64 {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_result_comes_back_bit_for_bit_beside_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, run) = full(&folder.path().join("p.slopefield"));
    let second = NewUncertainty { method: "laplace".into(), ..uncertainty() };
    let id = project.add_uncertainty(&run, &second).unwrap();
    let all = project.uncertainties(&run).unwrap();
    assert_eq!(all.iter().map(|u| u.method.as_str()).collect::<Vec<_>>(), ["nuts", "laplace"]);
    let (stored, result) = project.uncertainty(&id).unwrap();
    assert_eq!((&stored.id, &stored.run), (&id, &run));
    assert_eq!(result.result_json, second.result_json);
    let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&result.numbers), bits(&second.numbers));
    // It is no edit.
    assert_eq!(project.undo_label().unwrap().as_deref(), Some("add table counts"));
}

#[test]
fn deleting_a_result_or_its_run_leaves_no_numbers_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (mut project, run) = full(&path);
    let before = project.uncertainties(&run).unwrap();
    let id = project.add_uncertainty(&run, &uncertainty()).unwrap();
    project.delete_uncertainty(&id).unwrap();
    assert_eq!(project.uncertainties(&run).unwrap(), before);
    let again = project.delete_uncertainty(&id).unwrap_err();
    assert!(matches!(again, ProjectError::UnknownUncertainty { .. }), "{again}");
    project.delete_run(&run).unwrap();
    let gone = project.uncertainty(&before[0].id).unwrap_err();
    assert!(matches!(gone, ProjectError::UnknownUncertainty { .. }), "{gone}");
    project.close().unwrap();
    assert_eq!(count(&path, "run_uncertainty"), 0);
    // What is left are the three columns of the table and the graph of a network.
    assert_eq!(count(&path, "array"), 4);
    assert!(verify(&path).unwrap().ok);
}

#[test]
fn a_result_needs_a_run_and_storable_texts() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, run) = full(&folder.path().join("p.slopefield"));
    let unknown = project.add_uncertainty("none", &uncertainty()).unwrap_err();
    assert!(matches!(unknown, ProjectError::UnknownRun { .. }), "{unknown}");
    let bad = NewUncertainty { result_json: "\u{202e}".into(), ..uncertainty() };
    let bad = project.add_uncertainty(&run, &bad).unwrap_err();
    assert!(matches!(bad, ProjectError::BadText { .. }), "{bad}");
    assert_eq!(project.uncertainties(&run).unwrap().len(), 1);
}

#[test]
fn a_file_of_the_first_step_is_read_unchanged_and_gains_the_table_with_its_first_edit() {
    let original = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/project-files/version-1.slopefield");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.slopefield");
    std::fs::copy(&original, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();

    let mut project = Project::open(&path).unwrap();
    let run = project.runs().unwrap()[0].id.clone();
    assert_eq!(project.uncertainties(&run).unwrap(), []);
    assert!(matches!(project.uncertainty("x"), Err(ProjectError::UnknownUncertainty { .. })));
    assert!(project.verify().ok, "{:?}", project.verify());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    let id = project.add_uncertainty(&run, &uncertainty()).unwrap();
    project.close().unwrap();
    assert_eq!(count(&path, "migration"), crate::schema::known_steps());
    let report = verify(&path).unwrap();
    assert!(report.ok, "{report:?}");
    for open in [Project::open, Project::open_read_only, Project::open_foreign] {
        let project = open(&path).unwrap();
        assert_eq!(project.uncertainties(&run).unwrap()[0].id, id);
    }
}

#[test]
fn a_ledger_that_does_not_fit_the_tables_is_refused() {
    for (sql, step) in [
        ("DELETE FROM migration WHERE step = 3", "a table without its step"),
        ("DROP TABLE network_graph", "a step without its table"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.slopefield");
        full(&path).0.close().unwrap();
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        drop(conn);
        for open in [Project::open, Project::open_foreign] {
            let error = open(&path).expect_err(step).to_string();
            assert!(error.contains("its ledger of schema steps"), "{step}: {error}");
        }
        assert!(!verify(&path).unwrap().ok, "{step}");
    }
}
