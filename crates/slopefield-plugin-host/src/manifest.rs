//! `plugin.toml`: what a plugin says about itself before any of its code is touched.
//!
//! Parsing is strict: an unknown key, an id that could not be a folder name or a path that leaves
//! the folder is an error with a sentence. What the library reports later must agree.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// A checked manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Reverse domain name, e.g. `org.example.rodas`.
    pub id: String,
    /// `major.minor.patch`, with an optional `-label`.
    pub version: String,
    /// Name to show.
    pub name: String,
    /// Authors as claimed.
    pub authors: Vec<String>,
    /// SPDX expression.
    pub license: String,
    /// Web page; may be empty.
    pub homepage: String,
    /// Smallest version of the application; may be empty.
    pub min_app: String,
    /// Interface needed: major, minor.
    pub abi: (u32, u32),
    /// Library by platform, `<arch>-<os>`.
    pub libraries: BTreeMap<String, LibraryFile>,
    /// What the plugin offers.
    pub provides: Vec<Provides>,
}

/// One library file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LibraryFile {
    /// Path inside the plugin's folder, with `/`.
    pub file: String,
    /// BLAKE3 of the file, 64 lower-case hexadecimal digits, when the manifest names one.
    #[serde(default)]
    pub blake3: Option<String>,
}

/// One solver, network kind or tableau.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provides {
    /// Solver, network or tableau.
    pub kind: ProvidesKind,
    /// Id inside the plugin.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// Capabilities of a solver: `adaptive`, `implicit`, `mass-matrix`, `backward`, `f64`, ….
    #[serde(default)]
    pub caps: Vec<String>,
}

/// What a plugin may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProvidesKind {
    /// An integrator.
    Solver,
    /// A network architecture.
    Network,
    /// An integrator given by its coefficients, without code.
    Tableau,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    manifest: u32,
    id: String,
    version: String,
    name: String,
    #[serde(default)]
    authors: Vec<String>,
    license: String,
    #[serde(default)]
    homepage: String,
    #[serde(default)]
    min_app: String,
    native: Option<RawNative>,
    provides: Vec<Provides>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNative {
    abi: String,
    #[serde(default)]
    library: BTreeMap<String, LibraryFile>,
}

/// Longest manifest accepted, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024;
const MAX_TEXT: usize = 400;
const MAX_PROVIDES: usize = 200;

/// Capabilities that a manifest may name.
pub const CAPS: [&str; 14] = [
    "adaptive",
    "implicit",
    "mass-matrix",
    "singular-mass",
    "backward",
    "f32",
    "f64",
    "deterministic",
    "step-vjp",
    "noise",
    "delays",
    "dense-segment",
    "step-redo",
    "state-delays",
];

/// `<arch>-<os>` of this machine, as manifests spell it.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

impl Manifest {
    /// Parses and checks the text of a manifest; the error is one sentence.
    pub fn parse(text: &str) -> Result<Manifest, String> {
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(format!("the manifest is longer than {MAX_MANIFEST_BYTES} bytes"));
        }
        let raw: RawManifest = toml::from_str(text).map_err(|e| e.to_string())?;
        if raw.manifest != 1 {
            return Err(format!(
                "the manifest has format {} and this application knows format 1; update the \
                 application",
                raw.manifest
            ));
        }
        check_id("id", &raw.id, true)?;
        check_version(&raw.version)?;
        let texts = [&raw.name, &raw.license, &raw.homepage, &raw.min_app];
        if raw.name.is_empty() || raw.license.is_empty() {
            return Err("`name` and `license` must not be empty".to_owned());
        }
        if texts.into_iter().chain(&raw.authors).any(|t| t.len() > MAX_TEXT) {
            return Err(format!("a text is longer than {MAX_TEXT} bytes"));
        }
        let kinds: Vec<ProvidesKind> = raw.provides.iter().map(|p| p.kind).collect();
        crate::tableau::check_kinds(&kinds, raw.native.is_some())?;
        let (abi, libraries) = match raw.native {
            None => ((1, 0), BTreeMap::new()),
            Some(native) => {
                let abi = native
                    .abi
                    .split_once('.')
                    .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))
                    .ok_or_else(|| {
                        format!(
                            "native.abi must be major.minor, e.g. \"1.0\", not \"{}\"",
                            native.abi
                        )
                    })?;
                (abi, native.library)
            }
        };
        for (platform, library) in &libraries {
            check_library(platform, library)?;
        }
        if raw.provides.is_empty() || raw.provides.len() > MAX_PROVIDES {
            return Err(format!("a plugin provides between 1 and {MAX_PROVIDES} things"));
        }
        for (i, p) in raw.provides.iter().enumerate() {
            check_id("provides.id", &p.id, false)?;
            if p.name.is_empty() || p.name.len() > MAX_TEXT {
                return Err(format!("the name of `{}` is empty or too long", p.id));
            }
            if raw.provides[..i].iter().any(|q| q.kind == p.kind && q.id == p.id) {
                return Err(format!("`{}` is provided twice", p.id));
            }
            if let Some(cap) = p.caps.iter().find(|c| !CAPS.contains(&c.as_str())) {
                return Err(format!("`{cap}` is not a capability; they are {}", CAPS.join(", ")));
            }
        }
        Ok(Manifest {
            id: raw.id,
            version: raw.version,
            name: raw.name,
            authors: raw.authors,
            license: raw.license,
            homepage: raw.homepage,
            min_app: raw.min_app,
            abi,
            libraries,
            provides: raw.provides,
        })
    }

    /// Whether the plugin is coefficients only and has no library.
    pub fn is_tableau(&self) -> bool {
        self.provides.iter().all(|p| p.kind == ProvidesKind::Tableau)
    }
}

impl Manifest {
    /// Whether this version comes before or after that of another manifest.
    pub fn compare_version(&self, other: &Manifest) -> std::cmp::Ordering {
        version_key(&self.version).cmp(&version_key(&other.version))
    }
}

/// Ids are folder names on every system and parts of names in the language.
pub(crate) fn is_id(id: &str, dots: bool) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    id.len() <= 100
        && id.starts_with(letter)
        && id.ends_with(letter)
        && !id.contains("..")
        && id.chars().all(|c| letter(c) || c == '-' || (dots && c == '.'))
}

fn check_id(key: &str, id: &str, dots: bool) -> Result<(), String> {
    if !is_id(id, dots) {
        let dot = if dots { ", . " } else { " " };
        return Err(format!(
            "`{key}` must consist of a-z, 0-9{dot}and - and begin and end with a letter or digit, \
             not \"{id}\""
        ));
    }
    if dots && !id.contains('.') {
        return Err(format!("`{key}` must be like org.example.name, not \"{id}\""));
    }
    Ok(())
}

/// Sort key of a version; a labelled version comes before the same version without label.
pub(crate) type VersionKey = ([u64; 3], bool, String);

pub(crate) fn version_key(version: &str) -> Option<VersionKey> {
    let (numbers, label) = match version.split_once('-') {
        Some((n, l)) => (n, Some(l)),
        None => (version, None),
    };
    let mut parts = numbers.split('.').map(|p| {
        let digits = !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
        if digits { p.parse::<u64>().ok() } else { None }
    });
    let key = [parts.next()??, parts.next()??, parts.next()??];
    let label_ok = label.is_none_or(|l| is_id(l, true));
    (parts.next().is_none() && label_ok)
        .then(|| (key, label.is_none(), label.unwrap_or("").to_owned()))
}

fn check_version(version: &str) -> Result<(), String> {
    match version_key(version) {
        Some(_) if version.len() <= 60 => Ok(()),
        _ => Err(format!("`version` must be like 1.2.0 or 1.2.0-beta.1, not \"{version}\"")),
    }
}

/// A BLAKE3 hash as manifests and records spell it.
pub(crate) fn is_blake3(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn check_library(platform: &str, library: &LibraryFile) -> Result<(), String> {
    let path = Path::new(&library.file);
    let inside = path.components().all(|c| matches!(c, Component::Normal(_)));
    let plain = library.file.chars().all(|c| c.is_ascii_graphic() && c != '\\' && c != ':');
    if !inside || !plain || library.file.is_empty() || library.file.len() > MAX_TEXT {
        return Err(format!(
            "native.library.{platform}.file must be a path inside the plugin's folder, such as \
             lib/{platform}/libname.so, not \"{}\"",
            library.file
        ));
    }
    if library.blake3.as_ref().is_some_and(|hash| !is_blake3(hash)) {
        return Err(format!(
            "native.library.{platform}.blake3 must be 64 lower-case hexadecimal digits"
        ));
    }
    Ok(())
}
