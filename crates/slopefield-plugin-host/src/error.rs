//! Why a plugin, or something of it, cannot be used.

use std::path::PathBuf;

/// Every way in which a plugin is unusable. Messages name the plugin and what to try.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PluginError {
    /// The folder or the manifest is not what it should be.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// File or folder.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There is no library for this machine.
    #[error(
        "the plugin {plugin} has no library for {platform}, only for {available}; ask its authors \
         for one"
    )]
    Platform {
        /// Plugin id.
        plugin: String,
        /// Architecture and system of this machine.
        platform: String,
        /// What there is.
        available: String,
    },
    /// The plugin was built for an interface that this application does not have.
    #[error(
        "the plugin {plugin} needs version {needed} of the plugin interface and this application \
         has {ours}; {advice}"
    )]
    Version {
        /// Plugin id.
        plugin: String,
        /// Version it needs.
        needed: String,
        /// Version of the host.
        ours: String,
        /// What to do.
        advice: &'static str,
    },
    /// The file changed after the manifest was written.
    #[error(
        "the library of the plugin {plugin} is not the one its manifest names (BLAKE3 {found}, \
         expected {expected}); install it again"
    )]
    Hash {
        /// Plugin id.
        plugin: String,
        /// Of the file.
        found: String,
        /// In the manifest.
        expected: String,
    },
    /// The system could not load the library.
    #[error("the library {} of the plugin {plugin} cannot be loaded: {message}", path.display())]
    Load {
        /// Plugin id.
        plugin: String,
        /// The library.
        path: PathBuf,
        /// The system's words.
        message: String,
    },
    /// The plugin itself declined.
    #[error("the plugin {plugin} refused to run here: {message}")]
    Refused {
        /// Plugin id.
        plugin: String,
        /// Its sentence.
        message: String,
    },
    /// The plugin does not keep to the interface.
    #[error("the plugin {plugin} breaks the plugin interface: {message}")]
    Interface {
        /// Plugin id.
        plugin: String,
        /// What it did.
        message: String,
    },
    /// The user has not allowed it to run, or it is no longer what was allowed.
    #[error(
        "the plugin {plugin} {version} in {} {reason}; it is native code that can read and change \
         your files: look at it with `slopefield plugin info {plugin}` and allow it with \
         `slopefield plugin trust {plugin}`, or on the Plugins screen",
        path.display()
    )]
    NotTrusted {
        /// Plugin id.
        plugin: String,
        /// Its version.
        version: String,
        /// Its folder.
        path: PathBuf,
        /// That it was never trusted, or what has changed.
        reason: String,
    },
    /// The record of trusted plugins is damaged or cannot be reached.
    #[error(
        "the record of trusted plugins {} cannot be used: {message}; remove it and trust your \
         plugins again",
        path.display()
    )]
    TrustRecord {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Its process died too often in a row.
    #[error(
        "the plugin {plugin} is disabled: its process died {crashes} times in a row, the last time \
         with: {last}; enable it again with `slopefield plugin enable {plugin}`, or on the Plugins \
         screen"
    )]
    Disabled {
        /// Plugin id.
        plugin: String,
        /// Deaths in a row.
        crashes: u32,
        /// How the process ended the last time.
        last: String,
    },
    /// The record of crashes is damaged or cannot be reached.
    #[error(
        "the record of crashed plugins {} cannot be used: {message}; remove it to enable all \
         plugins again",
        path.display()
    )]
    CrashRecord {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Code of a third party that this process does not run.
    #[error("the plugin {plugin} runs in a process of its own, and this is not that process")]
    Elsewhere {
        /// Plugin id.
        plugin: String,
    },
    /// Nothing is called that.
    #[error("there is no {kind} `{id}`{hint}")]
    Unknown {
        /// `solver` or `network`.
        kind: &'static str,
        /// The name asked for.
        id: String,
        /// Near names, or all of them, or why there are none.
        hint: String,
    },
}
