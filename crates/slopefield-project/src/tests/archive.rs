//! Files of earlier releases open as they did when they were made.
//!
//! `tests/project-files/` at the root of the repository holds one file per version of the format
//! with what a project answered about it. `SLOPEFIELD_ARCHIVE=1` writes the pair for the current
//! version when it is missing; it never changes an existing one. When an answer of the project gains
//! a field, the texts of earlier versions gain it by hand, in the same change.

use super::samples::{everything, full};
use crate::{Project, WRITE_VERSION, verify};
use std::fs;
use std::path::{Path, PathBuf};

fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/project-files")
}

#[test]
fn every_version_opens_and_answers_as_it_did() {
    let newest = archive().join(format!("version-{WRITE_VERSION}.slopefield"));
    if std::env::var_os("SLOPEFIELD_ARCHIVE").is_some() && !newest.exists() {
        let (project, _) = full(&newest);
        fs::write(newest.with_extension("txt"), everything(&project)).unwrap();
        project.close().unwrap();
    }
    for version in 1..=WRITE_VERSION {
        let original = archive().join(format!("version-{version}.slopefield"));
        let expected = fs::read_to_string(original.with_extension("txt")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("p.slopefield");
        fs::copy(&original, &copy).unwrap();
        assert!(verify(&copy).unwrap().ok, "version {version}");
        for open in [Project::open, Project::open_read_only, Project::open_foreign] {
            let project = open(&copy).unwrap();
            assert_eq!(everything(&project), expected, "version {version}");
        }
        let mut project = Project::open(&copy).unwrap();
        project.set_title("written today").unwrap();
        project.close().unwrap();
        assert!(verify(&copy).unwrap().ok, "version {version} after writing");
    }
}
