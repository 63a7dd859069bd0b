//! Which plugins the user allows to run.
//!
//! The record holds hashes, not promises: trusting a plugin means trusting these bytes of its
//! manifest and its library. It lies among the user's settings, never in a project, so opening a
//! file that somebody sent allows nothing.

use crate::PluginError;
use crate::discover::Found;
use crate::manifest::{Manifest, is_blake3};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The record of trusted plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    trusted: Vec<Entry>,
}

/// One version of a plugin. Hashes are BLAKE3 in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    version: String,
    manifest: String,
    library: String,
}

/// What the record says about a plugin that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustState {
    /// It is part of the application.
    Bundled,
    /// It holds coefficients only: nothing of it is ever run.
    NoCode,
    /// The user trusts these very bytes.
    Trusted,
    /// Nobody has decided about this version.
    NotTrusted,
    /// This version was trusted and is no longer the same.
    Changed {
        /// The manifest is another.
        manifest: bool,
        /// The library is another.
        library: bool,
    },
}

impl Trust {
    /// Reads a record. A file that does not exist is a record of nothing.
    ///
    /// # Errors
    /// [`PluginError::TrustRecord`] for a file that cannot be read or is not a record, also when a
    /// hash in it is none: an empty one would fit what cannot be read.
    pub fn read(file: &Path) -> Result<Trust, PluginError> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Trust::default()),
            Err(e) => return Err(record(file, &e)),
        };
        let trust: Trust = serde_json::from_str(&text).map_err(|e| record(file, &e))?;
        let whole = |e: &&Entry| !(is_blake3(&e.manifest) && is_blake3(&e.library));
        match trust.trusted.iter().find(whole) {
            Some(e) => {
                let message = format!("a hash of {} {} is not a BLAKE3 hash", e.id, e.version);
                Err(record(file, &message))
            }
            None => Ok(trust),
        }
    }

    /// Writes the record, by a file beside it and renaming.
    ///
    /// # Errors
    /// [`PluginError::TrustRecord`] with the system's words.
    pub fn write(&self, file: &Path) -> Result<(), PluginError> {
        replace(file, self).map_err(|e| record(file, &e))
    }

    /// Trusts a plugin whose library has the hash `library`, in the place of what was trusted
    /// under its id and version. One without a readable manifest cannot be trusted, nor with
    /// something that is not a hash.
    pub fn add(&mut self, found: &Found, library: &str) {
        let (Some(m), Some(manifest)) = (&found.manifest, &found.manifest_hash) else { return };
        if !is_blake3(library) {
            return;
        }
        self.trusted.retain(|e| (&e.id, &e.version) != (&m.id, &m.version));
        self.trusted.push(Entry {
            id: m.id.clone(),
            version: m.version.clone(),
            manifest: manifest.clone(),
            library: library.to_owned(),
        });
        self.trusted.sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
    }

    /// Trusts no version of a plugin any more; whether one was.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.trusted.len();
        self.trusted.retain(|e| e.id != id);
        self.trusted.len() != before
    }

    /// What holds for a plugin whose library has the hash `library`.
    pub fn state(&self, found: &Found, library: &str) -> TrustState {
        if found.bundled {
            return TrustState::Bundled;
        }
        if found.manifest.as_ref().is_some_and(Manifest::is_tableau) {
            return TrustState::NoCode;
        }
        let entry = found
            .manifest
            .as_ref()
            .and_then(|m| self.trusted.iter().find(|e| (&e.id, &e.version) == (&m.id, &m.version)));
        let Some(entry) = entry else { return TrustState::NotTrusted };
        let same_manifest = found.manifest_hash.as_ref() == Some(&entry.manifest);
        let same_library = entry.library == library;
        if same_manifest && same_library {
            TrustState::Trusted
        } else {
            TrustState::Changed { manifest: !same_manifest, library: !same_library }
        }
    }
}

impl TrustState {
    /// Why a plugin in this state is not run; `None` when it may.
    pub fn refusal(self, found: &Found) -> Option<PluginError> {
        let reason = match self {
            TrustState::Bundled | TrustState::NoCode | TrustState::Trusted => return None,
            TrustState::NotTrusted => "has not been trusted".to_owned(),
            TrustState::Changed { .. } => {
                format!("has changed since it was trusted: {}", self.changes().join(" and "))
            }
        };
        let manifest = found.manifest.as_ref();
        Some(PluginError::NotTrusted {
            plugin: manifest.map(|m| m.id.clone()).unwrap_or_default(),
            version: manifest.map(|m| m.version.clone()).unwrap_or_default(),
            path: found.path.clone(),
            reason,
        })
    }

    /// What is not as it was when the plugin was trusted, in words.
    pub fn changes(self) -> Vec<&'static str> {
        match self {
            TrustState::Changed { manifest, library } => {
                let words =
                    [(manifest, "its manifest is another"), (library, "its library is another")];
                words.into_iter().filter_map(|(is, word)| is.then_some(word)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Writes a record of the user's settings: a file beside it, then renaming. The file has a name of
/// its own each time, because the application and a command may write at once.
pub(crate) fn replace(file: &Path, content: &impl Serialize) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let turn = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = file.with_extension(format!("json.{}-{turn}.new", std::process::id()));
    let written = serde_json::to_vec_pretty(content)
        .map_err(io::Error::from)
        .and_then(|text| fs::write(&beside, text))
        .and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // The first error counts.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn record(file: &Path, error: &dyn std::fmt::Display) -> PluginError {
    PluginError::TrustRecord { path: file.to_owned(), message: error.to_string() }
}
