//! Putting built plugins into the layout of installed ones: `<id>/<version>/plugin.toml` and
//! `lib/<arch>-<os>/<file>`. For development and for packaging the bundled plugins.

use crate::discover::hash_file;
use crate::manifest::{Manifest, platform};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a plugin could not be bundled.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The source folder of a plugin is not in order.
    #[error("{}: {message}", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A plugin with a `Makefile` could not be built.
    #[error("{package} could not be built with `make`:\n{printed}")]
    NotMade {
        /// Its folder.
        package: String,
        /// What `make` printed, or why it could not be started.
        printed: String,
    },
    /// The library has not been built.
    #[error("{} is missing: run `cargo build -p {package}` first", path.display())]
    NotBuilt {
        /// Where it was expected.
        path: PathBuf,
        /// The package that makes it.
        package: String,
    },
}

/// Copies every plugin whose source folder lies in `sources` (a folder with `plugin.toml` and
/// `Cargo.toml`, or with coefficients and no code) from the folder of build products `built` (such as `target/debug`) to `out`, and
/// returns the folders it wrote. The hash of the library is added to the manifest. Folders with a
/// `Makefile` are for [`bundle_made`].
pub fn bundle(sources: &Path, built: &Path, out: &Path) -> Result<Vec<PathBuf>, BundleError> {
    let entries = fs::read_dir(sources).map_err(|e| io(sources, e))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.join("plugin.toml").is_file() && !p.join("Makefile").is_file())
        .collect();
    // Code first: what has not been built is told before anything is written.
    folders.sort_by_key(|folder| (!folder.join("Cargo.toml").is_file(), folder.clone()));
    folders.iter().map(|folder| bundle_one(folder, built, out)).collect()
}

/// Builds the plugin in the folder `sources/name` with its `Makefile` and bundles it: for plugins that
/// need what is not on every machine. `make` is told the file to make as `LIBRARY`; `variables` are
/// more settings of the form `NAME=value`.
pub fn bundle_made(
    sources: &Path,
    name: &str,
    variables: &[String],
    built: &Path,
    out: &Path,
) -> Result<PathBuf, BundleError> {
    let folder = sources.join(name);
    let (manifest, text) = source_manifest(&folder)?;
    let file = format!("{DLL_PREFIX}slopefield_plugin_{}{DLL_SUFFIX}", name.replace('-', "_"));
    fs::create_dir_all(built).map_err(|e| io(built, e))?;
    let library = built.canonicalize().map_err(|e| io(built, e))?.join(&file);
    let not_made = |printed| BundleError::NotMade { package: name.to_owned(), printed };
    let made = Command::new("make")
        .args(["--always-make", "--directory"])
        .arg(&folder)
        .arg(format!("LIBRARY={}", library.display()))
        .args(variables)
        .output()
        .map_err(|e| not_made(e.to_string()))?;
    if !made.status.success() {
        let printed = [made.stdout, made.stderr].concat();
        return Err(not_made(String::from_utf8_lossy(&printed).trim().to_owned()));
    }
    place(&folder, (&manifest, &text), &library, out)
}

fn io(path: &Path, source: std::io::Error) -> BundleError {
    BundleError::Io { path: path.to_owned(), source }
}

/// The manifest in a source folder, and its text.
fn source_manifest(folder: &Path) -> Result<(Manifest, String), BundleError> {
    let path = folder.join("plugin.toml");
    let text = fs::read_to_string(&path).map_err(|e| io(&path, e))?;
    let manifest = Manifest::parse(&text)
        .map_err(|message| BundleError::Source { path: path.clone(), message })?;
    if !manifest.libraries.is_empty() {
        let message = "leave out [native.library.…]: bundling writes it".to_owned();
        return Err(BundleError::Source { path, message });
    }
    Ok((manifest, text))
}

fn bundle_one(folder: &Path, built: &Path, out: &Path) -> Result<PathBuf, BundleError> {
    let (manifest, text) = source_manifest(folder)?;
    if manifest.is_tableau() {
        let place = out.join(&manifest.id).join(&manifest.version);
        fs::create_dir_all(&place).map_err(|e| io(&place, e))?;
        copy(folder, &place, &["plugin.toml", crate::tableau::FILE])?;
        copy_texts(folder, &place)?;
        return Ok(place);
    }
    let package = package_name(folder)?;
    let library = built.join(format!("{DLL_PREFIX}{}{DLL_SUFFIX}", package.replace('-', "_")));
    if !library.is_file() {
        return Err(BundleError::NotBuilt { path: library, package });
    }
    place(folder, (&manifest, &text), &library, out)
}

/// Puts a library with its manifest and texts into the layout of installed plugins.
fn place(
    folder: &Path,
    (manifest, text): (&Manifest, &str),
    library: &Path,
    out: &Path,
) -> Result<PathBuf, BundleError> {
    let place = out.join(&manifest.id).join(&manifest.version);
    let platform = platform();
    let lib_folder = place.join("lib").join(&platform);
    fs::create_dir_all(&lib_folder).map_err(|e| io(&lib_folder, e))?;
    let file = library.file_name().unwrap_or_default().to_string_lossy();
    // Replace by renaming: a process that has the old file mapped keeps it.
    let (target, fresh) = (lib_folder.join(&*file), lib_folder.join(format!("{file}.new")));
    fs::copy(library, &fresh).map_err(|e| io(library, e))?;
    let hash = hash_file(&fresh).map_err(|e| io(&fresh, e))?;
    fs::rename(&fresh, &target).map_err(|e| io(&target, e))?;
    let text = format!(
        "{}\n[native.library.{platform}]\nfile = \"lib/{platform}/{file}\"\nblake3 = \"{hash}\"\n",
        text.trim_end()
    );
    let installed = place.join("plugin.toml");
    fs::write(&installed, text).map_err(|e| io(&installed, e))?;
    copy_texts(folder, &place)?;
    Ok(place)
}

fn copy_texts(folder: &Path, place: &Path) -> Result<(), BundleError> {
    let texts = ["LICENSE", "README.md"].into_iter().filter(|name| folder.join(name).is_file());
    copy(folder, place, &texts.collect::<Vec<_>>())
}

fn copy(folder: &Path, place: &Path, names: &[&str]) -> Result<(), BundleError> {
    for name in names {
        let from = folder.join(name);
        fs::copy(&from, place.join(name)).map_err(|e| io(&from, e))?;
    }
    Ok(())
}

fn package_name(folder: &Path) -> Result<String, BundleError> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|e| io(&path, e))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| BundleError::Source {
        path: path.clone(),
        message: e.to_string(),
    })?;
    table
        .get("package")
        .and_then(|p| p.get("name"))
        .and_then(|n| n.as_str())
        .map(str::to_owned)
        .ok_or_else(|| BundleError::Source { path, message: "it names no package".to_owned() })
}
