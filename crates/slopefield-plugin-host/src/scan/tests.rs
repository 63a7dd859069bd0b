#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use super::*;
use crate::manifest::platform;
use crate::{Places, Registry, Trust, TrustState};
use std::path::PathBuf;

/// A folder with plugins whose libraries are a few bytes, a second one for the record, and a time at
/// which all files are old.
struct Installed {
    _folder: tempfile::TempDir,
    places: Places,
}

impl Installed {
    fn new(plugins: usize) -> Installed {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("plugins");
        for i in 0..plugins {
            let (id, platform) = (format!("org.example.p{i}"), platform());
            let place = root.join(&id).join("1.0.0");
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("lib.so"), format!("code {i}")).unwrap();
            let manifest = format!(
                "manifest = 1\nid = \"{id}\"\nversion = \"1.0.0\"\nname = \"P\"\nlicense = \"MIT\"\n\
                 [native]\nabi = \"1.0\"\n[native.library.{platform}]\nfile = \"lib.so\"\n\
                 [[provides]]\nkind = \"solver\"\nid = \"s\"\nname = \"S\"\n"
            );
            fs::write(place.join("plugin.toml"), manifest).unwrap();
        }
        let cache = folder.path().join("cache");
        let places = Places { others: vec![root], cache, ..Places::default() };
        Installed { _folder: folder, places }
    }

    fn library(&self, i: usize) -> PathBuf {
        self.places.others[0].join(format!("org.example.p{i}/1.0.0/lib.so"))
    }

    fn record(&self) -> PathBuf {
        self.places.cache.join(FILE)
    }

    /// A list at a time: the hashes, and how many libraries were read for it.
    fn list_at(&self, now: SystemTime) -> (Vec<String>, usize) {
        let mut scan = ScanCache::read(&self.places.cache);
        let found = self.places.discover();
        let hashes = found.iter().map(|f| scan.hash_at(f, now).unwrap()).collect();
        scan.write(&self.places.cache).unwrap();
        (hashes, scan.reads())
    }

    /// A list when all files are old.
    fn list(&self) -> (Vec<String>, usize) {
        self.list_at(SystemTime::now() + Duration::from_secs(60))
    }
}

fn blake3_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| blake3::hash(text.as_bytes()).to_hex().to_string()).collect()
}

#[test]
fn an_unchanged_library_is_read_once() {
    let there = Installed::new(3);
    let expected = blake3_of(&["code 0", "code 1", "code 2"]);
    assert_eq!(there.list(), (expected.clone(), 3));
    assert_eq!(there.list(), (expected.clone(), 0));
    // Nothing new, nothing written.
    fs::remove_file(there.record()).unwrap();
    let mut scan = ScanCache::read(&there.places.cache);
    scan.write(&there.places.cache).unwrap();
    assert!(!there.record().exists());

    // One that becomes longer is read again, and only that one.
    assert_eq!(there.list(), (expected, 3));
    fs::write(there.library(1), "code one").unwrap();
    let expected = blake3_of(&["code 0", "code one", "code 2"]);
    assert_eq!(there.list(), (expected.clone(), 1));
    assert_eq!(there.list(), (expected, 0));
    // Nothing else lies beside the record.
    assert_eq!(fs::read_dir(&there.places.cache).unwrap().count(), 1);
}

#[test]
fn a_young_file_is_read_each_time() {
    let there = Installed::new(2);
    let now = SystemTime::now();
    assert_eq!(there.list_at(now).1, 2);
    assert_eq!(there.list_at(now + Duration::from_millis(1000)).1, 2);
    assert!(!there.record().exists());
    assert_eq!(there.list_at(now + Duration::from_secs(10)).1, 2);
    assert_eq!(there.list_at(now + Duration::from_secs(10)).1, 0);
    // A file from the future is never old, not even by an entry that was kept when it was another.
    let file = fs::File::options().append(true).open(there.library(0)).unwrap();
    file.set_modified(now + Duration::from_secs(3600)).unwrap();
    for _ in 0..2 {
        assert_eq!(there.list_at(now + Duration::from_secs(20)).1, 1);
    }
}

/// Same path, same size, same time of modification, other bytes: the time of the last change of any
/// kind tells, which nobody sets.
#[cfg(unix)]
#[test]
fn a_change_behind_a_restored_time_is_seen() {
    let there = Installed::new(1);
    assert_eq!(there.list(), (blake3_of(&["code 0"]), 1));
    let library = there.library(0);
    let before = fs::metadata(&library).unwrap();
    // Longer than the tick of any clock of files.
    std::thread::sleep(Duration::from_millis(50));
    fs::write(&library, "CODE 0").unwrap();
    let file = fs::File::options().append(true).open(&library).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&library).unwrap();
    assert_eq!(
        (after.len(), after.modified().unwrap()),
        (before.len(), before.modified().unwrap())
    );
    assert_eq!(there.list(), (blake3_of(&["CODE 0"]), 1));

    // So does another file in its place, even one that was made before the list.
    let spare = library.with_extension("spare");
    fs::write(&spare, "code X").unwrap();
    let file = fs::File::options().append(true).open(&spare).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(there.list().1, 0);
    fs::rename(&spare, &library).unwrap();
    assert_eq!(there.list(), (blake3_of(&["code X"]), 1));
}

#[test]
fn a_spoiled_record_is_an_empty_one() {
    let there = Installed::new(1);
    let expected = blake3_of(&["code 0"]);
    assert_eq!(there.list(), (expected.clone(), 1));
    let good = fs::read_to_string(there.record()).unwrap();
    let long = good.clone() + &" ".repeat(MAX_BYTES as usize);
    for spoiled in [
        "",
        "{}",
        "[1, 2",
        "\u{0}\u{1}",
        &good[..good.len() / 2],
        &good.replace("\"format\": 1", "\"format\": 2"),
        &good.replace("\"size\"", "\"length\""),
        &good.replace(&expected[0], &expected[0].to_uppercase()),
        &good.replace(&expected[0], ""),
        &long,
    ] {
        assert_ne!(spoiled, good);
        fs::write(there.record(), spoiled).unwrap();
        assert_eq!(there.list(), (expected.clone(), 1), "{spoiled:.80}");
        // And it is whole again.
        assert_eq!(fs::read_to_string(there.record()).unwrap(), good);
    }
    // A folder in its place, which cannot be replaced: every list reads, none fails.
    fs::remove_file(there.record()).unwrap();
    fs::create_dir(there.record()).unwrap();
    fs::write(there.record().join("x"), "").unwrap();
    for _ in 0..2 {
        let mut scan = ScanCache::read(&there.places.cache);
        let hash = scan.hash(&there.places.discover()[0]).unwrap();
        assert_eq!((hash, scan.reads()), (expected[0].clone(), 1));
    }
}

/// A record that is well-formed and wrong shows a wrong line. It lets nothing run.
#[test]
fn what_is_loaded_is_hashed_whatever_the_record_says() {
    let there = Installed::new(1);
    let found = || there.places.discover().remove(0);
    let (trusted, _) = there.list();
    let mut trust = Trust::default();
    trust.add(&found(), &trusted[0]);
    fs::write(there.library(0), "other code").unwrap();
    let (changed, _) = there.list();
    assert_ne!(changed, trusted);
    let text = fs::read_to_string(there.record()).unwrap();
    fs::write(there.record(), text.replace(&changed[0], &trusted[0])).unwrap();
    let (believed, reads) = there.list();
    assert_eq!((&believed, reads), (&trusted, 0));
    assert_eq!(trust.state(&found(), &believed[0]), TrustState::Trusted);

    assert_eq!(found().hash().unwrap(), changed[0]);
    let registry = Registry::load(&there.places, &trust, &["org.example.p0"]);
    assert!(registry.plugins().is_empty());
    let refused = registry.problems()[0].1.to_string();
    assert!(refused.contains("its library is another"), "{refused}");
    assert!(!Registry::is_foreign(&there.places, &trust, "org.example.p0"));
    ScanCache::remove(&there.places.cache);
    assert_eq!(there.list().0, changed);
}

#[test]
fn the_record_does_not_grow_without_end() {
    let there = Installed::new(2);
    let (expected, _) = there.list();
    let mut record: Record = serde_json::from_slice(&fs::read(there.record()).unwrap()).unwrap();
    let entry = record.files.values().next().unwrap().clone();
    for i in 0..MAX_FILES - 1 {
        // Before and after the two in the order of names.
        record.files.insert(format!("{}{i}", ["!", "~"][i % 2]), entry.clone());
    }
    let all = std::mem::take(&mut record.files);
    let mut scan = ScanCache { files: all, changed: true, ..ScanCache::default() };
    for found in there.places.discover() {
        scan.hash_at(&found, SystemTime::now()).unwrap();
    }
    assert_eq!((scan.files.len(), scan.reads()), (MAX_FILES + 1, 0));
    scan.write(&there.places.cache).unwrap();
    let kept: Record = serde_json::from_slice(&fs::read(there.record()).unwrap()).unwrap();
    assert_eq!(kept.files.len(), MAX_FILES);
    assert_eq!(there.list(), (expected, 0));
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let there = Installed::new(1);
    let found = there.places.discover().remove(0);
    fs::remove_file(there.library(0)).unwrap();
    fs::create_dir(there.library(0)).unwrap();
    let refused = ScanCache::default().hash(&found).unwrap_err();
    assert!(refused.to_string().contains("not a plain file"), "{refused}");
}
