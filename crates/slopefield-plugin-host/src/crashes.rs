//! How often in a row the process of a plugin died.
//!
//! The record lies beside that of trust, among the user's settings. A job that ends well clears the
//! count; [`LIMIT`] deaths in a row disable the plugin until the user enables it again, so that a
//! plugin that cannot work does not take every attempt along.

use crate::PluginError;
use crate::manifest::is_id;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Deaths in a row that disable a plugin.
pub const LIMIT: u32 = 2;
/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 300;

/// The record of deaths by id of plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crashes {
    plugins: BTreeMap<String, Count>,
}

/// Deaths of one plugin since its last job that ended well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    in_a_row: u32,
    /// How the process ended the last time.
    last: String,
}

impl Crashes {
    /// Reads a record. A file that does not exist is a record of nothing.
    ///
    /// # Errors
    /// [`PluginError::CrashRecord`] for a file that cannot be read or is not a record.
    pub fn read(file: &Path) -> Result<Crashes, PluginError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Crashes::default()),
            Err(e) => return Err(record(file, &e)),
        };
        let crashes: Crashes = serde_json::from_str(&text).map_err(|e| record(file, &e))?;
        match crashes.plugins.keys().find(|id| !is_id(id, true)) {
            Some(id) => Err(record(file, &format!("\"{}\" is no id", id.escape_debug()))),
            None => Ok(crashes),
        }
    }

    /// Writes the record, by a file beside it and renaming.
    ///
    /// # Errors
    /// [`PluginError::CrashRecord`] with the system's words.
    pub fn write(&self, file: &Path) -> Result<(), PluginError> {
        crate::trust::replace(file, self).map_err(|e| record(file, &e))
    }

    /// Counts a death, with how the process ended.
    pub fn add(&mut self, id: &str, reason: &str) {
        let count = self.plugins.entry(id.to_owned()).or_default();
        count.in_a_row = count.in_a_row.saturating_add(1);
        count.last = reason.chars().take(MAX_REASON).collect();
    }

    /// Forgets the deaths of a plugin; whether there were any.
    pub fn clear(&mut self, id: &str) -> bool {
        self.plugins.remove(id).is_some()
    }

    /// Why a plugin is not run any more; `None` when it is not disabled.
    #[must_use]
    pub fn refusal(&self, id: &str) -> Option<PluginError> {
        let count = self.plugins.get(id).filter(|count| count.in_a_row >= LIMIT)?;
        Some(PluginError::Disabled {
            plugin: id.to_owned(),
            crashes: count.in_a_row,
            last: count.last.clone(),
        })
    }
}

fn record(file: &Path, error: &dyn std::fmt::Display) -> PluginError {
    PluginError::CrashRecord { path: file.to_owned(), message: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    #[test]
    fn two_deaths_in_a_row_disable_and_a_good_end_between_them_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings/plugin-crashes.json");
        let mut crashes = Crashes::read(&file).unwrap();
        crashes.add("org.example.a", "signal 11");
        crashes.add("org.example.b", "signal 6");
        assert_eq!(crashes.refusal("org.example.a"), None);
        assert!(crashes.clear("org.example.b"));
        crashes.add("org.example.b", "exit status 3");
        crashes.add("org.example.a", &"x".repeat(1000));
        crashes.write(&file).unwrap();

        let mut crashes = Crashes::read(&file).unwrap();
        assert_eq!(crashes.refusal("org.example.b"), None);
        let refusal = crashes.refusal("org.example.a").unwrap();
        let PluginError::Disabled { plugin, crashes: 2, last } = &refusal else {
            panic!("{refusal}")
        };
        assert_eq!((plugin.as_str(), last.len()), ("org.example.a", 300));
        assert!(refusal.to_string().contains("slopefield plugin enable org.example.a"));
        assert!(crashes.clear("org.example.a") && !crashes.clear("org.example.a"));
        assert_eq!(crashes.refusal("org.example.a"), None);
    }

    #[test]
    fn a_damaged_record_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin-crashes.json");
        for text in ["", "[]", "{}", "{\"plugins\":{\"../x\":{\"in_a_row\":1,\"last\":\"\"}}}"] {
            std::fs::write(&file, text).unwrap();
            let error = Crashes::read(&file).unwrap_err();
            assert!(matches!(error, PluginError::CrashRecord { .. }), "{text}: {error}");
        }
    }
}
