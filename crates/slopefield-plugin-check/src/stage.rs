//! Putting a plugin that an author works on into the layout of installed plugins.

use slopefield_plugin_host::{LibraryFile, Manifest, platform};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why a folder is not a plugin that can be put in place.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {message}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There is no library.
    #[error(
        "there is no library for {platform}; looked for {}; build the plugin first",
        list(looked)
    )]
    NotBuilt {
        /// This machine.
        platform: String,
        /// Where it might have been.
        looked: Vec<PathBuf>,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> StageError {
    |source| StageError::Io { path: path.to_owned(), source }
}

/// Where a plugin was put.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    /// `<out>/<id>/<version>`.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Copies the plugin in the folder `source`, which has a `plugin.toml`, to `<id>/<version>` below
/// `out`. The library is `library` when given, else the one that the manifest names for this
/// machine, else what cargo has built here, whichever of `debug` and `release` is newer.
///
/// # Errors
/// [`StageError`] for a manifest that is not in order, a library that is not there, and files that
/// cannot be copied.
pub fn stage(source: &Path, library: Option<&Path>, out: &Path) -> Result<Staged, StageError> {
    let path = source.join("plugin.toml");
    let mut text = fs::read_to_string(&path).map_err(io(&path))?;
    let content = |message| StageError::Content { path: path.clone(), message };
    let manifest = Manifest::parse(&text).map_err(content)?;
    let folder = out.join(&manifest.id).join(&manifest.version);
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    for name in ["LICENSE", "README.md"] {
        copy_if_there(source, &folder, name)?;
    }
    if manifest.is_tableau() {
        copy(&source.join("tableaus.toml"), &folder.join("tableaus.toml"))?;
    } else {
        let built = find(source, library, &manifest)?;
        let named = manifest.libraries.get(&platform());
        let file = match named {
            Some(LibraryFile { file, .. }) => file.clone(),
            None => format!("lib/{}/{DLL_PREFIX}plugin{DLL_SUFFIX}", platform()),
        };
        copy(&built, &folder.join(&file))?;
        if named.is_none() {
            let table = format!("[native.library.{}]\nfile = \"{file}\"\n", platform());
            text = format!("{}\n\n{table}", text.trim_end());
        }
        // Those for other machines, where they lie here.
        for (other, LibraryFile { file, .. }) in &manifest.libraries {
            if *other != platform() {
                copy_if_there(source, &folder, file)?;
            }
        }
    }
    let path = folder.join("plugin.toml");
    fs::write(&path, &text).map_err(io(&path))?;
    let content = |message| StageError::Content { path, message };
    Ok(Staged { manifest: Manifest::parse(&text).map_err(content)?, folder })
}

/// By a file beside it and renaming: a process that has the old one mapped keeps it.
fn copy(from: &Path, to: &Path) -> Result<(), StageError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io(folder))?;
    }
    let mut fresh = to.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    fs::copy(from, &fresh).map_err(io(from))?;
    fs::rename(&fresh, to).map_err(io(to))
}

fn copy_if_there(from: &Path, to: &Path, name: &str) -> Result<(), StageError> {
    let file = from.join(name);
    if file.is_file() { copy(&file, &to.join(name)) } else { Ok(()) }
}

fn find(source: &Path, library: Option<&Path>, manifest: &Manifest) -> Result<PathBuf, StageError> {
    let looked = match library {
        Some(library) => vec![library.to_owned()],
        None => {
            let named = manifest.libraries.get(&platform()).map(|l| source.join(&l.file));
            let named: Vec<PathBuf> = named.into_iter().collect();
            if named.iter().any(|path| path.is_file()) {
                named
            } else {
                [named, products(source)].concat()
            }
        }
    };
    let age = |path: &PathBuf| fs::metadata(path).and_then(|m| m.modified()).ok();
    let there = looked.iter().filter(|path| path.is_file());
    let newest = there.max_by_key(|path| age(path).unwrap_or(SystemTime::UNIX_EPOCH));
    newest.cloned().ok_or_else(|| StageError::NotBuilt { platform: platform(), looked })
}

/// Where cargo puts the library of the crate in a folder, for a crate on its own and for one of a
/// workspace.
fn products(source: &Path) -> Vec<PathBuf> {
    let Some(package) = package(source) else { return Vec::new() };
    let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", package.replace('-', "_"));
    let mut targets: Vec<PathBuf> = Vec::new();
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        targets.push(target.into());
    }
    // The folder itself, then the workspace around it, which has a Cargo.toml too.
    let absolute = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let crates = absolute.ancestors().take(4).filter(|f| f.join("Cargo.toml").is_file());
    targets.extend(crates.map(|folder| folder.join("target")));
    let profiles = |target: PathBuf| ["release", "debug"].map(|p| target.join(p).join(&file));
    targets.into_iter().flat_map(profiles).collect()
}

fn package(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let table: toml::Table = text.parse().ok()?;
    table.get("package")?.get("name")?.as_str().map(str::to_owned)
}
