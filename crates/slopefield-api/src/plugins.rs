//! Transfer types about the trust in plugins.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Whether a plugin may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// It is part of the application.
    Bundled,
    /// It holds coefficients only: nothing of it is ever run.
    NoCode,
    /// The user trusts these very files.
    Trusted,
    /// Nobody has decided about this version.
    NotTrusted,
    /// It was trusted and is no longer the same.
    Changed,
    /// Its process died too often in a row; it waits to be enabled again.
    Disabled,
}

impl PluginState {
    /// Its code may run.
    #[must_use]
    pub fn may_run(self) -> bool {
        matches!(self, PluginState::Bundled | PluginState::NoCode | PluginState::Trusted)
    }
}

/// What a user needs to know to decide about a plugin, read without running any of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PluginTrust {
    /// Whether it may run.
    pub state: PluginState,
    /// What is not as it was when it was trusted.
    pub changes: Vec<String>,
    /// Authors, as the plugin itself claims.
    pub publisher: Vec<String>,
    /// Web page, as the plugin itself claims; may be empty.
    pub homepage: String,
    /// BLAKE3 of the manifest in hexadecimal; empty when it cannot be read.
    pub manifest: String,
    /// BLAKE3 of the library for this machine in hexadecimal; empty when there is none.
    pub library: String,
}

/// Trusts a plugin as it was shown: refused when its files are others by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TrustRequest {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Hash of the manifest that was shown.
    pub manifest: String,
    /// Hash of the library that was shown.
    pub library: String,
}

/// Takes the trust in all versions of a plugin back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UntrustRequest {
    /// Id.
    pub id: String,
}

/// Enables a plugin again whose process died too often in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EnableRequest {
    /// Id.
    pub id: String,
}
