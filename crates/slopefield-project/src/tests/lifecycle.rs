//! Opening, viewing, closing, versions.

use super::samples::{everything, folder_bytes, full};
use crate::identify::{self, with_suffix};
use crate::{NewRun, Project, ProjectError, RunStatus, info, verify};
use std::fs;
use std::path::{Path, PathBuf};

fn closed() -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (project, _) = full(&path);
    let all = everything(&project);
    project.close().unwrap();
    (folder, path, all)
}

/// Runs SQL as no part of this crate would.
fn tamper(path: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
}

/// What a killed program leaves: the file and its log, without the locks.
fn left_behind(folder: &Path) -> (PathBuf, String) {
    let live = folder.join("live.slopefield");
    let (mut project, _) = full(&live);
    let run = project.start_run(&NewRun::default()).unwrap();
    project.append_checkpoint(&run, 7, b"seven").unwrap();
    let copy = folder.join("left/p.slopefield");
    fs::create_dir(folder.join("left")).unwrap();
    fs::copy(&live, &copy).unwrap();
    let log = with_suffix(&live, "-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    fs::copy(&log, with_suffix(&copy, "-wal")).unwrap();
    (copy, run)
}

#[test]
fn viewing_never_writes() {
    let (folder, path, all) = closed();
    let before = folder_bytes(folder.path());
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    for open in [Project::open, Project::open_read_only] {
        let project = open(&path).unwrap();
        assert_eq!(everything(&project), all);
        assert!(project.verify().ok);
        project.close().unwrap();
    }
    drop(Project::open_foreign(&path).unwrap());
    drop(Project::open_copy_of(&path).unwrap());
    assert!(verify(&path).unwrap().ok);
    info(&path).unwrap();
    assert_eq!(folder_bytes(folder.path()), before);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
}

#[test]
fn closing_leaves_one_plain_file() {
    let (folder, path, _) = closed();
    let names: Vec<PathBuf> = folder_bytes(folder.path()).into_keys().collect();
    assert_eq!(names, std::slice::from_ref(&path));
    let bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[..16], b"SQLite format 3\0");
    assert_eq!(bytes[18..20], [1, 1], "rollback-journal form");
    assert_eq!(&bytes[68..72], b"SLPF");
    assert_eq!(bytes[60..64], [0, 0, 0, 1]);
}

#[test]
fn while_working_there_is_a_log_and_no_shared_memory_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (project, _) = full(&path);
    let names: Vec<PathBuf> = folder_bytes(folder.path()).into_keys().collect();
    assert_eq!(names, [path.clone(), with_suffix(&path, "-wal")]);
    for attempt in [Project::open(&path).err(), Project::open_read_only(&path).err()] {
        assert!(matches!(attempt, Some(ProjectError::InUse { .. })), "{attempt:?}");
    }
    assert!(matches!(info(&path), Err(ProjectError::InUse { .. })));
    assert!(matches!(verify(&path), Err(ProjectError::InUse { .. })));
    drop(project);
    assert!(Project::open(&path).is_ok());
}

#[test]
fn what_a_killed_program_left_is_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let (path, run) = left_behind(folder.path());
    let before = folder_bytes(path.parent().unwrap());

    // Looking changes nothing, not even here.
    let project = Project::open_read_only(&path).unwrap();
    assert_eq!(project.run(&run).unwrap().run.status, RunStatus::Interrupted);
    assert!(project.read_only().is_some());
    drop(project);
    assert!(verify(&path).unwrap().ok);
    assert!(info(&path).unwrap().unclean);
    assert_eq!(folder_bytes(path.parent().unwrap()), before);

    let project = Project::open(&path).unwrap();
    let found = project.run(&run).unwrap().run;
    assert_eq!((found.status, found.resumable), (RunStatus::Interrupted, true));
    assert_eq!(project.newest_checkpoint(&run).unwrap().unwrap().bytes, b"seven");
    assert_eq!(project.runs().unwrap()[1].status, RunStatus::Finished);
    project.close().unwrap();
    assert_eq!(folder_bytes(path.parent().unwrap()).len(), 1);
    assert!(verify(&path).unwrap().ok);
}

#[test]
fn closing_under_a_run_interrupts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let mut project = Project::create(&path).unwrap();
    let run = project.start_run(&NewRun::default()).unwrap();
    assert_eq!(project.run(&run).unwrap().run.status, RunStatus::Running);
    project.set_run_status(&run, RunStatus::Paused).unwrap();
    project.close().unwrap();
    let found = Project::open(&path).unwrap().run(&run).unwrap().run;
    assert_eq!((found.status, found.resumable), (RunStatus::Interrupted, false));
}

#[test]
fn newer_files_are_refused_or_read_only() {
    let (_folder, path, all) = closed();
    tamper(
        &path,
        "UPDATE meta SET value = '2' WHERE key = 'write_version';
         CREATE TABLE later (x INTEGER) STRICT;
         ALTER TABLE run ADD COLUMN later TEXT;
         INSERT INTO migration VALUES (4, 'version 4', 'hash', 0);",
    );
    let mut project = Project::open(&path).unwrap();
    assert!(project.read_only().unwrap().contains("newer version"), "{:?}", project.read_only());
    assert_eq!(everything(&project), all);
    assert!(project.verify().ok, "{:?}", project.verify());
    assert!(matches!(project.set_title("x"), Err(ProjectError::ReadOnly { .. })));
    drop(project);
    assert!(matches!(
        Project::open_foreign(&path),
        Err(ProjectError::NewerVersion { found: 2, known: 1, .. })
    ));

    tamper(&path, "PRAGMA user_version = 2");
    for error in [
        Project::open(&path).unwrap_err(),
        Project::open_read_only(&path).unwrap_err(),
        Project::open_foreign(&path).unwrap_err(),
        info(&path).unwrap_err(),
    ] {
        assert!(error.to_string().contains("made by a newer version of Slopefield"), "{error}");
        assert!(error.advice().contains("newest Slopefield"));
    }
}

#[test]
fn what_a_newer_version_added_is_kept() {
    let (_folder, path, all) = closed();
    tamper(
        &path,
        "CREATE TABLE later (x INTEGER, array_id INTEGER REFERENCES array (id)) STRICT;
         ALTER TABLE run ADD COLUMN later TEXT;
         UPDATE run SET later = 'kept';
         INSERT INTO array (element, shape, byte_count, blake3)
           SELECT element, shape, byte_count, blake3 FROM array LIMIT 1;
         INSERT INTO later SELECT 7, max(id) FROM array;
         INSERT INTO migration VALUES (4, 'version 4', 'hash', 0);",
    );
    let mut project = Project::open(&path).unwrap();
    assert_eq!(everything(&project), all);
    assert_eq!(project.read_only(), None);
    project.set_title("from the older version").unwrap();
    assert_eq!(project.compact().unwrap().arrays_deleted, 0);
    project.close().unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    let kept: (i64, i64, String) = conn
        .query_row(
            "SELECT x, (SELECT count(*) FROM array WHERE id = array_id), (SELECT later FROM run) FROM later",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(kept, (7, 1, "kept".to_string()));
    assert!(matches!(
        Project::open_foreign(&path),
        Err(ProjectError::NewerVersion { found: 4, known: 3, .. })
    ));
}

#[test]
fn a_newer_file_with_a_trigger_is_still_refused() {
    let (_folder, path, _) = closed();
    tamper(
        &path,
        "UPDATE meta SET value = '2' WHERE key = 'write_version';
         CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END;",
    );
    assert!(matches!(Project::open(&path), Err(ProjectError::Refused { .. })));
}

#[test]
fn only_plain_project_files_are_opened() {
    let (folder, path, _) = closed();
    let at = |name: &str| folder.path().join(name);
    let sentence = |path: &Path| Project::open(path).unwrap_err().to_string();

    assert!(matches!(Project::open(at("gone")), Err(ProjectError::Io { .. })));
    assert!(sentence(folder.path()).contains("a folder, not a plain file"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&path, at("link")).unwrap();
        assert!(sentence(&at("link")).contains("a symbolic link"));
        assert!(sentence(Path::new("/dev/zero")).contains("a device or pipe"));
    }
    fs::write(at("empty"), "").unwrap();
    assert!(sentence(&at("empty")).contains("it has 0 bytes"));
    fs::write(at("text"), "t,x\n".repeat(50)).unwrap();
    assert!(sentence(&at("text")).contains("does not begin like a SQLite file"));
    tamper(&at("other.db"), "CREATE TABLE x (y)");
    assert!(sentence(&at("other.db")).contains("of another application"));
    let size = fs::metadata(&path).unwrap().len();
    assert!(matches!(
        identify::identify(&path, size - 1),
        Err(ProjectError::FileTooLarge { bytes, max_bytes, .. }) if bytes == size && max_bytes == size - 1
    ));
    assert!(matches!(Project::create(&path), Err(ProjectError::Exists { .. })));
    assert!(matches!(
        Project::create(at("no/where")),
        Err(ProjectError::Io { .. } | ProjectError::Database { .. })
    ));
}

#[test]
#[cfg(unix)]
fn a_write_protected_file_is_opened_for_reading() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path, all) = closed();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let mut project = Project::open(&path).unwrap();
    assert_eq!(everything(&project), all);
    assert!(matches!(project.set_title("x"), Err(ProjectError::ReadOnly { .. })));
}

#[test]
fn info_tells_what_is_inside() {
    let (_folder, path, _) = closed();
    let info = info(&path).unwrap();
    assert_eq!(info.title.as_deref(), Some("Pelts"));
    assert_eq!((info.tables, info.runs, info.checkpoints, info.edits), (1, 1, 1, 3));
    assert_eq!((info.reader_version, info.write_version, info.model_versions), (1, 1, 2));
    assert_eq!(info.bytes, fs::metadata(&path).unwrap().len());
    assert!(info.created_by.starts_with("slopefield "));
    assert!(!info.unclean);
}

#[test]
fn compacting_gives_space_back_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (mut project, _) = full(&path);
    let all = everything(&project);
    let big = project.start_run(&NewRun::default()).unwrap();
    let noise: Vec<u8> =
        (0..100_000u32).flat_map(|i| *blake3::hash(&i.to_le_bytes()).as_bytes()).collect();
    project.append_checkpoint(&big, 1, &noise).unwrap();
    project.delete_run(&big).unwrap();
    let done = project.compact().unwrap();
    assert!(done.bytes_freed() > 3_000_000, "{done:?}");
    assert_eq!(everything(&project), all);
    project.close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), done.bytes_after);
    assert!(verify(&path).unwrap().ok);
}
