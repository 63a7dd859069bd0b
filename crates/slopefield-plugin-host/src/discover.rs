//! Finding plugins by their manifests. Nothing is loaded here.
//!
//! A folder holds `<id>/<version>/plugin.toml`, at exactly that depth. Links are not followed.

use crate::PluginError;
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, platform};
use slopefield_plugin_abi as abi;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One `<id>/<version>` folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The folder with `plugin.toml`, absolute.
    pub path: PathBuf,
    /// The manifest, when it could be read.
    pub manifest: Option<Manifest>,
    /// BLAKE3 of the bytes of the manifest in hexadecimal, when it could be read.
    pub manifest_hash: Option<String>,
    /// It lies in a folder of the application itself.
    pub bundled: bool,
    /// Why the plugin cannot be used; `None` when nothing is known against it.
    pub problem: Option<PluginError>,
}

impl Found {
    /// The library for this machine, when the manifest names one.
    pub fn library(&self) -> Option<PathBuf> {
        let file = &self.manifest.as_ref()?.libraries.get(&platform())?.file;
        Some(self.path.join(file))
    }

    /// BLAKE3 of the library file in hexadecimal, or of the coefficients of a tableau plugin: what a
    /// project records, so that a result says what made it.
    pub fn hash(&self) -> io::Result<String> {
        hash_file(&self.hashed()?)
    }

    /// The file that [`Found::hash`] is of.
    pub(crate) fn hashed(&self) -> io::Result<PathBuf> {
        if self.manifest.as_ref().is_some_and(Manifest::is_tableau) {
            return Ok(self.path.join(crate::tableau::FILE));
        }
        self.library().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "the plugin has no library for this machine")
        })
    }
}

pub(crate) fn hash_file(path: &Path) -> io::Result<String> {
    hash_reader(fs::File::open(path)?)
}

pub(crate) fn hash_reader(bytes: impl io::Read) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(bytes)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Where plugins are looked for, and where they are loaded from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Folders of the application, which only its installer writes. Their plugins are trusted.
    pub bundled: Vec<PathBuf>,
    /// Folders of the user, in order of search, after the bundled ones.
    pub others: Vec<PathBuf>,
    /// Takes the private copies of libraries, and what the list of plugins remembers of them.
    pub cache: PathBuf,
}

impl Places {
    /// Lists the plugins: first the bundled ones, then those of the user. Of one version in two
    /// folders, that in the first; the others would never be used.
    pub fn discover(&self) -> Vec<Found> {
        let mut all = discover(&self.bundled);
        for found in &mut all {
            found.bundled = true;
        }
        all.extend(discover(&self.others));
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|found| match &found.manifest {
            Some(m) if found.problem.is_none() => seen.insert((m.id.clone(), m.version.clone())),
            _ => true,
        });
        all
    }
}

/// Lists the plugins in `folders`, in the order of the folders and then by name. A folder that
/// does not exist holds no plugins.
pub fn discover(folders: &[impl AsRef<Path>]) -> Vec<Found> {
    let mut found = Vec::new();
    for folder in folders {
        let folder = folder.as_ref();
        if !folder.is_absolute() {
            found.push(bad(folder, "a plugin folder must be given as an absolute path".to_owned()));
            continue;
        }
        for id in subfolders(folder, &mut found) {
            for version in subfolders(&id, &mut found) {
                found.push(inspect(version));
            }
        }
    }
    found
}

fn bad(path: &Path, message: String) -> Found {
    Found {
        path: path.to_owned(),
        manifest: None,
        manifest_hash: None,
        bundled: false,
        problem: Some(PluginError::Manifest { path: path.to_owned(), message }),
    }
}

/// Subfolders in the order of their names; files and links are passed over.
fn subfolders(folder: &Path, found: &mut Vec<Found>) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(e) => {
            found.push(bad(folder, format!("the folder cannot be listed: {e}")));
            return Vec::new();
        }
    };
    let mut out: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .map(|e| e.path())
        .collect();
    out.sort();
    out
}

fn inspect(path: PathBuf) -> Found {
    let (manifest, hash) = match read_manifest(&path) {
        Ok(read) => read,
        Err(message) => return bad(&path.join("plugin.toml"), message).at(path),
    };
    let problem = objection(&path, &manifest);
    Found { path, manifest: Some(manifest), manifest_hash: Some(hash), bundled: false, problem }
}

impl Found {
    fn at(self, path: PathBuf) -> Found {
        Found { path, ..self }
    }
}

/// The manifest and the hash of the text it was read from.
fn read_manifest(folder: &Path) -> Result<(Manifest, String), String> {
    let path = folder.join("plugin.toml");
    let about = fs::symlink_metadata(&path).map_err(|e| format!("it cannot be read: {e}"))?;
    if !about.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    if about.len() > MAX_MANIFEST_BYTES {
        return Err(format!("it is longer than {MAX_MANIFEST_BYTES} bytes"));
    }
    let text = fs::read_to_string(&path).map_err(|e| format!("it cannot be read: {e}"))?;
    let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
    Ok((Manifest::parse(&text)?, hash))
}

/// What stands against a plugin whose manifest is in order.
fn objection(folder: &Path, manifest: &Manifest) -> Option<PluginError> {
    let name = |p: &Path| p.file_name().and_then(|n| n.to_str()).unwrap_or("").to_owned();
    let (version_name, id_name) = (name(folder), folder.parent().map(name).unwrap_or_default());
    if (id_name.as_str(), version_name.as_str()) != (&manifest.id, &manifest.version) {
        return Some(PluginError::Manifest {
            path: folder.join("plugin.toml"),
            message: format!(
                "it is for {} {} but lies in the folder {id_name}/{version_name}",
                manifest.id, manifest.version
            ),
        });
    }
    let ours = (abi::SLF_ABI_MAJOR, abi::SLF_ABI_MINOR);
    if manifest.abi.0 != ours.0 || manifest.abi.1 > ours.1 {
        return Some(version_error(&manifest.id, manifest.abi));
    }
    if manifest.is_tableau() {
        return None;
    }
    let here = platform();
    let Some(library) = manifest.libraries.get(&here) else {
        let available: Vec<_> = manifest.libraries.keys().map(String::as_str).collect();
        return Some(PluginError::Platform {
            plugin: manifest.id.clone(),
            platform: here,
            available: if available.is_empty() { "none".into() } else { available.join(", ") },
        });
    };
    let mut path = folder.to_owned();
    for part in Path::new(&library.file) {
        path.push(part);
        let about = fs::symlink_metadata(&path);
        let message = match about {
            Err(e) => format!("the library {} cannot be read: {e}", library.file),
            Ok(m) if m.is_symlink() => format!("{} is a link", path.display()),
            Ok(_) => continue,
        };
        return Some(PluginError::Manifest { path: folder.join("plugin.toml"), message });
    }
    None
}

pub(crate) fn version_error(plugin: &str, needed: (u32, u32)) -> PluginError {
    PluginError::Version {
        plugin: plugin.to_owned(),
        needed: format!("{}.{}", needed.0, needed.1),
        ours: format!("{}.{}", abi::SLF_ABI_MAJOR, abi::SLF_ABI_MINOR),
        advice: if needed.0 < abi::SLF_ABI_MAJOR {
            "install a newer version of the plugin"
        } else {
            "update the application"
        },
    }
}
