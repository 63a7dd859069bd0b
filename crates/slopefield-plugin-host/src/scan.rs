//! What the list of plugins remembers of libraries, so that it need not read them again.
//!
//! A library that looks as it did when it was hashed keeps that hash in the list. *Only* in the list:
//! what is trusted and what is loaded is hashed from its bytes every time, so that a record that is
//! wrong shows a wrong line and lets nothing run. That is also why a record that cannot be read, or is
//! none, is an empty one and never an error.
//!
//! A file looks the same when path, size, time of modification and, on Unix, device, number of the file
//! and time of the last change of any kind are the same. A change so soon after the one before that
//! both have the same time would go unseen; so nothing is remembered of a file that was younger than
//! [`SETTLED`] when it was read.

use crate::discover::{Found, hash_reader};
use crate::manifest::is_blake3;
use crate::native::make_private;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Age from which a file is taken to be as it will stay. FAT keeps times of 2 s, the coarsest there are.
const SETTLED: Duration = Duration::from_secs(2);
/// Most files that are remembered.
const MAX_FILES: usize = 1024;
/// Longest record that is read, in bytes.
const MAX_BYTES: u64 = 2 << 20;
/// Name of the record in the folder of copies.
const FILE: &str = "scan.json";
/// Number of this form of the record.
const FORMAT: u32 = 1;

/// Hashes of libraries by what their files look like; see the module.
#[derive(Debug, Default)]
pub struct ScanCache {
    files: BTreeMap<String, Entry>,
    /// Paths that were asked for.
    asked: BTreeSet<String>,
    changed: bool,
    reads: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    look: Look,
    /// BLAKE3 in hexadecimal.
    hash: String,
}

/// What tells one content of a file from another without reading it. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    size: u64,
    modified: i64,
    /// When anything about the file changed, its times included, which no program sets: 0 where the
    /// system has no such time.
    changed: i64,
    device: u64,
    number: u64,
}

/// The record as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    files: BTreeMap<String, Entry>,
}

impl ScanCache {
    /// Reads the record in the folder [`Places::cache`](crate::Places). What cannot be read, is too
    /// long or is no record is an empty one.
    #[must_use]
    pub fn read(cache: &Path) -> ScanCache {
        let files = stored(&cache.join(FILE)).unwrap_or_default();
        ScanCache { files, ..ScanCache::default() }
    }

    /// Removes the record, for one that has turned out to be wrong.
    pub fn remove(cache: &Path) {
        // One that is not there is what is wanted; one that stays is wrong in the list only.
        let _ = fs::remove_file(cache.join(FILE));
    }

    /// What [`Found::hash`] gives, from the record when the file looks as it did then.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn hash(&mut self, found: &Found) -> io::Result<String> {
        self.hash_at(found, SystemTime::now())
    }

    fn hash_at(&mut self, found: &Found, now: SystemTime) -> io::Result<String> {
        let path = found.hashed()?;
        let about = fs::metadata(&path)?;
        if !about.is_file() {
            // Opening a pipe would wait for its writer.
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
        }
        let Some(name) = path.to_str().map(str::to_owned) else {
            // A name that JSON cannot hold.
            self.reads += 1;
            return found.hash();
        };
        self.asked.insert(name.clone());
        let look = Look::of(&about);
        if let Some(entry) = self.files.get(&name).filter(|e| Some(e.look) == look) {
            return Ok(entry.hash.clone());
        }
        self.reads += 1;
        let file = fs::File::open(&path)?;
        let before = Look::of(&file.metadata()?);
        let hash = hash_reader(&file)?;
        // Written to while it was read: the hash is of no content that the file had.
        let whole = before == Look::of(&file.metadata()?);
        match before.filter(|look| whole && look.settled(now)) {
            Some(look) => {
                self.files.insert(name, Entry { look, hash: hash.clone() });
                self.changed = true;
            }
            None => self.changed |= self.files.remove(&name).is_some(),
        }
        Ok(hash)
    }

    /// How many files [`ScanCache::hash`] has read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// Writes the record when it has changed, by a file beside it and renaming. Of more than 1024
    /// files those are kept that were asked for.
    ///
    /// # Errors
    /// Those of the system. The next list then takes longer, and nothing else happens.
    pub fn write(&mut self, cache: &Path) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let asked = &self.asked;
        let mut surplus = self.files.len().saturating_sub(MAX_FILES);
        for asked_for in [false, true] {
            self.files.retain(|name, _| {
                let goes = surplus > 0 && asked.contains(name) == asked_for;
                surplus -= usize::from(goes);
                !goes
            });
        }
        make_private(cache)?;
        let record = Record { format: FORMAT, files: self.files.clone() };
        crate::trust::replace(&cache.join(FILE), &record)?;
        self.changed = false;
        Ok(())
    }
}

fn stored(file: &Path) -> Option<BTreeMap<String, Entry>> {
    // Asked before opening, because opening a pipe waits for its writer.
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    fs::File::open(file).ok()?.take(MAX_BYTES + 1).read_to_end(&mut text).ok()?;
    if text.len() as u64 > MAX_BYTES {
        return None;
    }
    let record: Record = serde_json::from_slice(&text).ok()?;
    let sound = record.format == FORMAT
        && record.files.len() <= MAX_FILES
        && record.files.values().all(|entry| is_blake3(&entry.hash));
    sound.then_some(record.files)
}

impl Look {
    /// `None` when the system tells no time of modification.
    fn of(about: &fs::Metadata) -> Option<Look> {
        let modified = nanoseconds(about.modified().ok()?)?;
        let (changed, device, number) = identity(about);
        Some(Look { size: about.len(), modified, changed, device, number })
    }

    /// Whether the file had not been touched for a while at a time.
    fn settled(&self, at: SystemTime) -> bool {
        let limit = at.checked_sub(SETTLED).and_then(nanoseconds);
        limit.is_some_and(|limit| self.modified < limit && self.changed < limit)
    }
}

/// Since 1970; none for times that 64 bits do not hold.
fn nanoseconds(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|n| -n),
    }
}

/// Time of the last change of any kind, device, and number of the file there.
#[cfg(unix)]
fn identity(about: &fs::Metadata) -> (i64, u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let changed = about.ctime().saturating_mul(1_000_000_000).saturating_add(about.ctime_nsec());
    (changed, about.dev(), about.ino())
}

/// Elsewhere the standard library tells none of them. A change that keeps size and time is then found
/// when the plugin is trusted or loaded.
#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (i64, u64, u64) {
    (0, 0, 0)
}

#[cfg(test)]
mod tests;
