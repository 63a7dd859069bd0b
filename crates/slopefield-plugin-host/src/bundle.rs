//! Putting built plugins into the layout of installed ones: `<id>/<version>/plugin.toml` and
//! `lib/<arch>-<os>/<file>`. For development and for packaging the bundled plugins.

use crate::discover::hash_file;
use crate::manifest::{Manifest, platform};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};

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
/// returns the folders it wrote. The hash of the library is added to the manifest.
pub fn bundle(sources: &Path, built: &Path, out: &Path) -> Result<Vec<PathBuf>, BundleError> {
    let entries = fs::read_dir(sources).map_err(|e| io(sources, e))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.join("plugin.toml").is_file())
        .collect();
    // Code first: what has not been built is told before anything is written.
    folders.sort_by_key(|folder| (!folder.join("Cargo.toml").is_file(), folder.clone()));
    folders.iter().map(|folder| bundle_one(folder, built, out)).collect()
}

fn io(path: &Path, source: std::io::Error) -> BundleError {
    BundleError::Io { path: path.to_owned(), source }
}

fn bundle_one(folder: &Path, built: &Path, out: &Path) -> Result<PathBuf, BundleError> {
    let manifest_path = folder.join("plugin.toml");
    let source =
        |path: &Path, message: String| BundleError::Source { path: path.to_owned(), message };
    let text = fs::read_to_string(&manifest_path).map_err(|e| io(&manifest_path, e))?;
    let manifest = Manifest::parse(&text).map_err(|m| source(&manifest_path, m))?;
    if !manifest.libraries.is_empty() {
        let message = "leave out [native.library.…]: bundling writes it".to_owned();
        return Err(source(&manifest_path, message));
    }
    if manifest.is_tableau() {
        let place = out.join(&manifest.id).join(&manifest.version);
        fs::create_dir_all(&place).map_err(|e| io(&place, e))?;
        copy(folder, &place, &["plugin.toml", crate::tableau::FILE])?;
        copy_texts(folder, &place)?;
        return Ok(place);
    }
    let package = package_name(folder)?;
    let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", package.replace('-', "_"));
    let library = built.join(&file);
    if !library.is_file() {
        return Err(BundleError::NotBuilt { path: library, package });
    }

    let place = out.join(&manifest.id).join(&manifest.version);
    let platform = platform();
    let lib_folder = place.join("lib").join(&platform);
    fs::create_dir_all(&lib_folder).map_err(|e| io(&lib_folder, e))?;
    // Replace by renaming: a process that has the old file mapped keeps it.
    let (target, fresh) = (lib_folder.join(&file), lib_folder.join(format!("{file}.new")));
    fs::copy(&library, &fresh).map_err(|e| io(&library, e))?;
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
