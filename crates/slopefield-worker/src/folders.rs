//! Where examples, plugins, drafts and settings are.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folders the worker uses.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// Bundled examples.
    pub examples: Option<PathBuf>,
    /// Folders of the application's own plugins, which are trusted.
    pub bundled_plugins: Vec<PathBuf>,
    /// Folders of other plugins in order of search, after the application's own.
    pub plugins: Vec<PathBuf>,
    /// Copies of the libraries of plugins, which are what is loaded.
    pub plugin_cache: PathBuf,
    /// Projects that have no name yet.
    pub drafts: PathBuf,
    /// List of recent projects and other settings of the user.
    pub settings: PathBuf,
}

impl Folders {
    /// Reads `--examples DIR`, `--bundled-plugins DIR` and `--plugins DIR` (the last two may be
    /// repeated). The user's own plugin folder comes last; the cache of plugins, drafts and settings
    /// are where the system keeps such things, below `SLOPEFIELD_DATA_DIR` when that is set.
    ///
    /// # Errors
    /// An unknown argument.
    pub fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Result<Folders, String> {
        let home = std::env::var_os("SLOPEFIELD_DATA_DIR").map(PathBuf::from);
        let dirs = directories::ProjectDirs::from("org", "Slopefield", "Slopefield");
        let data = home
            .or_else(|| dirs.as_ref().map(|d| d.data_local_dir().to_path_buf()))
            .unwrap_or_else(std::env::temp_dir);
        let mut folders = Folders {
            plugin_cache: data.join("plugin-cache"),
            drafts: data.join("drafts"),
            settings: data.join("settings"),
            ..Folders::default()
        };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{} needs a folder", name.display()));
            match name.to_str() {
                Some("--examples") => folders.examples = Some(value()?.into()),
                Some("--bundled-plugins") => folders.bundled_plugins.push(value()?.into()),
                Some("--plugins") => folders.plugins.push(value()?.into()),
                _ => return Err(format!("unknown argument {}", name.display())),
            }
        }
        folders.plugins.push(data.join("plugins"));
        Ok(folders)
    }
}
