//! Saving copies.

use super::samples::{everything, folder_bytes, full};
use crate::identify::with_suffix;
use crate::{NewRun, Project, ProjectError, RunStatus, verify};
use std::fs;

#[test]
fn a_published_file_is_complete_compact_and_plain() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, _) = full(&folder.path().join("work.slopefield"));
    let secret = project.start_run(&NewRun::default()).unwrap();
    project.append_note(&secret, 1, "a-deleted-secret").unwrap();
    project.delete_run(&secret).unwrap();
    let all = everything(&project);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let target = out.join("shared.slopefield");
    let published = project.publish(&target).unwrap();
    assert_eq!((&published.path, published.conflict), (&target, false));

    let files = folder_bytes(&out);
    assert_eq!(files.len(), 1);
    let bytes = &files[&target];
    assert_eq!(bytes.len() as u64, published.bytes);
    assert_eq!((&bytes[68..72], &bytes[18..20]), (&b"SLPF"[..], &[1, 1][..]));
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
    assert!(holds(b"loss spiked") && !holds(b"a-deleted-secret"));
    assert_eq!(everything(&Project::open(&target).unwrap()), all);
    assert!(verify(&target).unwrap().ok);
    // The project goes on where it was.
    assert!(project.path().ends_with("work.slopefield"));
    project.set_title("still open").unwrap();
}

#[test]
fn a_target_that_changed_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("net.slopefield");
    full(&target).0.close().unwrap();

    let mut project = Project::open_copy_of(&target).unwrap();
    assert!(project.is_temporary());
    project.set_title("mine 1").unwrap();
    assert!(!project.publish(&target).unwrap().conflict);
    project.set_title("mine 2").unwrap();
    assert!(!project.publish(&target).unwrap().conflict);

    let mut theirs = Project::open(&target).unwrap();
    theirs.set_title("theirs").unwrap();
    theirs.close().unwrap();
    project.set_title("mine 3").unwrap();
    for n in 1..=2 {
        let published = project.publish(&target).unwrap();
        assert!(published.conflict);
        assert_eq!(published.path, folder.path().join(format!("net (conflict {n}).slopefield")));
        let title = Project::open(&published.path).unwrap().title().unwrap();
        assert_eq!(title.as_deref(), Some("mine 3"));
    }
    assert_eq!(Project::open(&target).unwrap().title().unwrap().as_deref(), Some("theirs"));
    assert_eq!(folder_bytes(folder.path()).len(), 3);
}

#[test]
fn a_log_beside_the_target_makes_a_conflict_copy() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("net.slopefield");
    let (mut project, _) = full(&folder.path().join("work.slopefield"));
    project.publish(&target).unwrap();
    fs::write(with_suffix(&target, "-wal"), "left behind").unwrap();
    assert!(project.publish(&target).unwrap().conflict);
}

#[test]
fn saving_under_another_name_goes_on_there_with_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.slopefield");
    let second = folder.path().join("second.slopefield");
    let (mut project, _) = full(&first);
    let run = project.start_run(&NewRun::default()).unwrap();
    project.save_as(&second).unwrap();
    assert_eq!(project.path(), second);
    assert_eq!(project.run(&run).unwrap().run.status, RunStatus::Running);
    project.append_checkpoint(&run, 1, b"one").unwrap();
    project.close().unwrap();
    let first = Project::open(&first).unwrap();
    assert_eq!(first.newest_checkpoint(&run).unwrap(), None);
    assert_eq!(first.run(&run).unwrap().run.status, RunStatus::Interrupted);
    let second = Project::open(&second).unwrap();
    assert_eq!(second.newest_checkpoint(&run).unwrap().unwrap().bytes, b"one");
}

#[test]
fn a_copy_taken_during_a_run_shows_it_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, _) = full(&folder.path().join("work.slopefield"));
    let run = project.start_run(&NewRun::default()).unwrap();
    let copy = folder.path().join("copy.slopefield");
    project.publish(&copy).unwrap();
    assert_eq!(project.run(&run).unwrap().run.status, RunStatus::Running);
    let status = Project::open_read_only(&copy).unwrap().run(&run).unwrap().run.status;
    assert_eq!(status, RunStatus::Interrupted);
}

#[test]
fn saving_to_itself_and_to_impossible_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.slopefield");
    let (mut project, _) = full(&path);
    let saved = project.save_as(&path).unwrap();
    assert!(!saved.conflict);
    assert!(matches!(
        project.publish(folder.path()),
        Err(ProjectError::NotAPlainFile { what: "a folder", .. })
    ));
    #[cfg(unix)]
    {
        let link = folder.path().join("link.slopefield");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        assert!(matches!(project.publish(&link), Err(ProjectError::NotAPlainFile { .. })));
        fs::remove_file(link).unwrap();
    }
    assert!(project.publish(folder.path().join("no/where.slopefield")).is_err());
    let other = folder.path().join("other.slopefield");
    let open = full(&other).0;
    assert!(matches!(project.publish(&other), Err(ProjectError::InUse { .. })));
    drop(open);
    // Nothing half-written lies about.
    drop(project);
    assert_eq!(folder_bytes(folder.path()).len(), 2);
}
