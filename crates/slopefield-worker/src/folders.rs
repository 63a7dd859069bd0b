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
    /// This process was started for these third-party plugins, whose code may run in it. Empty in
    /// the worker itself, where no such code runs.
    pub for_plugins: Vec<String>,
}

impl Folders {
    /// The user's record of plugins whose process died.
    #[must_use]
    pub fn crashes(&self) -> PathBuf {
        self.settings.join("plugin-crashes.json")
    }

    /// What was measured of graphics cards.
    #[must_use]
    pub fn figures(&self) -> PathBuf {
        self.settings.join("devices.json")
    }

    /// Reads `--examples DIR`, `--bundled-plugins DIR`, `--plugins DIR` (these two may be repeated)
    /// and `--for-plugin ID`, with which the worker starts the process of a plugin (repeated when
    /// one job needs several). The user's own plugin folder comes last; the cache of plugins, drafts and settings
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
        // Files in it are known again by their absolute paths.
        let data = std::path::absolute(&data).unwrap_or(data);
        let mut folders = Folders {
            plugin_cache: data.join("plugin-cache"),
            drafts: data.join("drafts"),
            settings: data.join("settings"),
            ..Folders::default()
        };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{} needs a value", name.display()));
            match name.to_str() {
                Some("--examples") => folders.examples = Some(value()?.into()),
                Some("--bundled-plugins") => folders.bundled_plugins.push(value()?.into()),
                Some("--plugins") => folders.plugins.push(value()?.into()),
                Some("--for-plugin") => {
                    folders.for_plugins.push(value()?.to_string_lossy().into_owned());
                }
                _ => return Err(format!("unknown argument {}", name.display())),
            }
        }
        folders.plugins.push(data.join("plugins"));
        Ok(folders)
    }
}
