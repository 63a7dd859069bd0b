//! Importing a file of unknown origin.

use super::samples::{everything, folder_bytes, full};
use crate::identify::with_suffix;
use crate::{Project, ProjectError, verify};
use std::fs;

#[test]
fn an_import_is_equal_and_lives_in_a_fresh_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (project, _) = full(&path);
    let all = everything(&project);
    project.close().unwrap();
    let before = folder_bytes(folder.path());

    let mut imported = Project::open_foreign(&path).unwrap();
    assert_eq!(everything(&imported), all);
    assert!(imported.is_temporary());
    let private = imported.path().to_path_buf();
    assert_ne!(private, path);
    assert_eq!(private.file_name(), path.file_name());
    imported.undo().unwrap();
    assert_eq!(folder_bytes(folder.path()), before);
    // It can be kept …
    let kept = folder.path().join("kept.slopefield");
    imported.save_as(&kept).unwrap();
    assert!(!imported.is_temporary());
    imported.close().unwrap();
    assert!(verify(&kept).unwrap().ok);
    // … and the private file goes.
    assert!(!private.parent().unwrap().exists());

    let into = folder.path().join("into.slopefield");
    assert_eq!(everything(&Project::import_foreign(&path, &into).unwrap()), all);
    assert!(matches!(Project::import_foreign(&path, &into), Err(ProjectError::Exists { .. })));
}

#[test]
fn a_file_in_wal_form_without_its_log_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (project, _) = full(&path);
    let all = everything(&project);
    project.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[18..20].copy_from_slice(&[2, 2]);
    fs::write(&path, bytes).unwrap();
    let before = folder_bytes(folder.path());
    assert_eq!(everything(&Project::open_foreign(&path).unwrap()), all);
    assert_eq!(folder_bytes(folder.path()), before);
}

#[test]
fn a_log_that_came_along_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live.slopefield");
    let (project, _) = full(&live);
    let all = everything(&project);
    let sent = folder.path().join("sent");
    fs::create_dir(&sent).unwrap();
    let path = sent.join("p.slopefield");
    fs::copy(&live, &path).unwrap();
    fs::copy(with_suffix(&live, "-wal"), with_suffix(&path, "-wal")).unwrap();
    let before = folder_bytes(&sent);
    assert_eq!(everything(&Project::open_foreign(&path).unwrap()), all);
    assert_eq!(folder_bytes(&sent), before);
}
