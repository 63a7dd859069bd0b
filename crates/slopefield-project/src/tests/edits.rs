//! Undo and redo over models, studies and tables, also after reopening.

use super::samples::table;
use crate::{Change, Project, ProjectError};

fn fresh() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::create(folder.path().join("p.slopefield")).unwrap();
    (folder, project)
}

#[track_caller]
fn check_labels(project: &Project, undo: Option<&str>, redo: Option<&str>) {
    assert_eq!(project.undo_label().unwrap().as_deref(), undo);
    assert_eq!(project.redo_label().unwrap().as_deref(), redo);
}

#[test]
fn undo_and_redo_walk_over_every_kind_of_edit_and_survive_reopening() {
    let (_folder, mut project) = fresh();
    check_labels(&project, None, None);
    assert_eq!(project.undo().unwrap(), None);
    project.apply_model("a", "first model", false).unwrap();
    project.apply_study("seed = 2", "seed").unwrap();
    project.add_table(table("counts", 3)).unwrap();
    project.remove_table("counts").unwrap();
    check_labels(&project, Some("remove table counts"), None);

    let path = project.path().to_path_buf();
    project.close().unwrap();
    let mut project = Project::open(&path).unwrap();
    assert_eq!(project.undo().unwrap().as_deref(), Some("remove table counts"));
    assert_eq!(project.tables().unwrap()[0].name, "counts");
    assert_eq!(project.undo().unwrap().as_deref(), Some("add table counts"));
    assert!(project.tables().unwrap().is_empty());
    project.undo().unwrap();
    assert_eq!(project.study_text().unwrap(), "");
    project.undo().unwrap();
    assert_eq!(project.model_text().unwrap(), "");
    check_labels(&project, None, Some("first model"));
    project.close().unwrap();

    let mut project = Project::open(&path).unwrap();
    for label in ["first model", "seed", "add table counts", "remove table counts"] {
        assert_eq!(project.redo().unwrap().as_deref(), Some(label));
    }
    assert_eq!(project.redo().unwrap(), None);
    assert_eq!(project.model_text().unwrap(), "a");
    assert_eq!(project.study_text().unwrap(), "seed = 2");
    assert!(project.tables().unwrap().is_empty());
}

#[test]
fn a_new_edit_forgets_what_was_undone_but_keeps_the_texts() {
    let (_folder, mut project) = fresh();
    project.apply_model("a", "a", false).unwrap();
    project.apply_model("b", "b", false).unwrap();
    project.undo().unwrap();
    project.apply_model("c", "c", false).unwrap();
    check_labels(&project, Some("c"), None);
    let texts: Vec<String> = project.model_history().unwrap().into_iter().map(|v| v.text).collect();
    assert_eq!(texts, ["c", "b", "a", ""]);
    let b = project.model_history().unwrap()[1].id;
    project.restore_model(b).unwrap();
    assert_eq!(project.model_text().unwrap(), "b");
    project.undo().unwrap();
    assert_eq!(project.model_text().unwrap(), "c");
    assert!(matches!(project.restore_model(99), Err(ProjectError::UnknownVersion { id: 99 })));
}

#[test]
fn a_burst_of_typing_is_one_step() {
    let (_folder, mut project) = fresh();
    project.apply_model("start", "open an example", false).unwrap();
    for text in ["d", "d/", "d/dt"] {
        project.apply_model(text, "typing", true).unwrap();
    }
    assert_eq!(project.model_history().unwrap().len(), 3);
    // Another kind of edit ends the burst.
    project.apply_study("x = 1", "study").unwrap();
    project.apply_model("d/dt x", "typing", true).unwrap();
    project.undo().unwrap();
    assert_eq!(project.model_text().unwrap(), "d/dt");
    // After an undo, typing begins a new step.
    project.apply_model("d/dt y", "typing", true).unwrap();
    project.undo().unwrap();
    assert_eq!(project.model_text().unwrap(), "d/dt");
    project.undo().unwrap();
    project.undo().unwrap();
    assert_eq!(project.model_text().unwrap(), "start");
    // The step before the burst was not one of typing and is left alone.
    project.apply_model("typed over", "typing", true).unwrap();
    project.undo().unwrap();
    assert_eq!(project.model_text().unwrap(), "start");
}

#[test]
fn several_changes_are_one_step_all_or_none() {
    let (_folder, mut project) = fresh();
    let both = [Change::AddTable(table("a", 2)), Change::Study("data.a = 1".into())];
    assert!(project.apply("import a", &both).unwrap());
    project.undo().unwrap();
    assert!(project.tables().unwrap().is_empty());
    assert_eq!(project.study_text().unwrap(), "");
    project.redo().unwrap();
    assert_eq!(project.tables().unwrap().len(), 1);

    let broken = [Change::Study("changed".into()), Change::RemoveTable("none".into())];
    assert!(matches!(project.apply("x", &broken), Err(ProjectError::UnknownTable { .. })));
    assert_eq!(project.study_text().unwrap(), "data.a = 1");
    check_labels(&project, Some("import a"), None);
    // Nothing new is no edit.
    assert!(!project.apply("same", &[Change::Study("data.a = 1".into())]).unwrap());
    check_labels(&project, Some("import a"), None);
}

#[test]
fn tables_come_back_as_they_were_and_bad_ones_are_refused() {
    let (_folder, mut project) = fresh();
    let stored = table("counts", 4);
    project.add_table(stored.clone()).unwrap();
    let found = project.table("counts").unwrap();
    assert_eq!(format!("{:?}", found.columns), format!("{:?}", stored.columns));
    assert_eq!(found.summary.row_count, 4);
    assert_eq!(found.summary.columns, ["t", "x", "who"]);

    assert!(matches!(project.add_table(stored.clone()), Err(ProjectError::NameTaken { .. })));
    let mut ragged = table("ragged", 4);
    ragged.columns[1].values = crate::ColumnValues::Numbers(vec![1.0]);
    assert!(matches!(
        project.add_table(ragged),
        Err(ProjectError::Shape { found: 1, expected: 4, .. })
    ));
    let mut infinite = table("infinite", 2);
    infinite.columns[0].values = crate::ColumnValues::Numbers(vec![0.0, f64::INFINITY]);
    assert!(matches!(project.add_table(infinite), Err(ProjectError::BadValue { .. })));
    let mut twice = table("twice", 2);
    twice.columns[1].name = "t".into();
    assert!(matches!(project.add_table(twice), Err(ProjectError::BadText { .. })));
    for name in ["", "a\nb", "a\u{202E}b", "x\0"] {
        assert!(matches!(project.add_table(table(name, 1)), Err(ProjectError::BadText { .. })));
    }
    // A removed name is free again, and undo over it still works.
    project.remove_table("counts").unwrap();
    project.add_table(table("counts", 2)).unwrap();
    assert_eq!(project.table("counts").unwrap().summary.row_count, 2);
    project.undo().unwrap();
    project.undo().unwrap();
    assert_eq!(project.table("counts").unwrap().summary.row_count, 4);
}

#[test]
fn filling_a_fresh_project_is_no_step_of_undo() {
    let (_folder, mut project) = fresh();
    project.fill(&[Change::Model("x".into()), Change::Study("seed = 2".into())]).unwrap();
    assert_eq!(project.model_text().unwrap(), "x");
    assert_eq!(project.study_text().unwrap(), "seed = 2");
    check_labels(&project, None, None);
}
