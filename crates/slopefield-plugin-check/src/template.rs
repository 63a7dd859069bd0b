//! A new plugin: a folder that builds, passes the tests, and is to be changed from there.

use crate::kit;
use slopefield_plugin_host::platform;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};

/// What the plugin will provide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A solver in code.
    Solver,
    /// A network architecture.
    Network,
    /// A method given by its coefficients.
    Tableau,
}

/// What it is written in. Tableaus are text and have no language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the safe kit.
    Rust,
    /// C, with the header.
    C,
}

/// A plugin to begin.
#[derive(Debug, Clone)]
pub struct Template {
    /// What it provides.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
    /// Its name, of `a-z`, `0-9` and `-`: the name of the folder and of what it provides.
    pub name: String,
    /// Its id, such as `org.example.name`.
    pub id: String,
}

/// Why a plugin was not begun.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The name or id cannot be one.
    #[error("{0}")]
    Name(String),
    /// The folder is there and not empty.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../templates/", $name))
    };
}

impl Template {
    /// Writes the files into a new folder of the plugin's name below `place`, and returns it.
    ///
    /// # Errors
    /// A name that cannot be one, a folder that is there already, a file that cannot be written.
    pub fn write(&self, place: &Path) -> Result<PathBuf, TemplateError> {
        self.check_name()?;
        let folder = place.join(&self.name);
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| TemplateError::Io { path, source }
        };
        if fs::read_dir(&folder).is_ok_and(|mut d| d.next().is_some()) || folder.is_file() {
            return Err(TemplateError::Exists(folder));
        }
        for (name, text) in self.files() {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(io(parent))?;
            }
            fs::write(&path, text).map_err(io(&path))?;
        }
        Ok(folder)
    }

    fn check_name(&self) -> Result<(), TemplateError> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let name = &self.name;
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.ends_with(letter)
            && name.len() <= 60
            && name.chars().all(|c| letter(c) || c == '-');
        if !good {
            return Err(TemplateError::Name(format!(
                "\"{name}\" must consist of a-z, 0-9 and -, and begin with a letter"
            )));
        }
        let id = &self.id;
        let part = |p: &str| {
            p.starts_with(letter) && p.ends_with(letter) && p.chars().all(|c| letter(c) || c == '-')
        };
        if !id.contains('.') || !id.split('.').all(part) || id.len() > 100 {
            return Err(TemplateError::Name(format!("\"{id}\" must be like org.example.{name}")));
        }
        Ok(())
    }

    /// Paths and texts.
    fn files(&self) -> Vec<(&'static str, String)> {
        let fill = |text: &str| self.fill(text);
        let mut files =
            vec![("LICENSE", fill(text!("LICENSE"))), ("README.md", fill(text!("README.md")))];
        if self.kind == Kind::Tableau {
            files.push(("plugin.toml", fill(text!("tableau/plugin.toml"))));
            files.push(("tableaus.toml", fill(text!("tableau/tableaus.toml"))));
            return files;
        }
        files.push(("plugin.toml", fill(text!("plugin.toml"))));
        let solver = self.kind == Kind::Solver;
        match self.language {
            Language::Rust => {
                let source =
                    if solver { text!("solver-rust/lib.rs") } else { text!("network-rust/lib.rs") };
                files.push(("src/lib.rs", fill(source)));
                files.push(("Cargo.toml", fill(text!("rust.Cargo.toml"))));
                files.push(("tests/conformance.rs", fill(text!("conformance.rs"))));
                files.push((".gitignore", "/target\n".to_owned()));
                files.extend(kit::RUST.iter().map(|(path, text)| (*path, (*text).to_owned())));
                files.extend(kit::manifests());
            }
            Language::C => {
                let source =
                    if solver { text!("solver-c/plugin.c") } else { text!("network-c/plugin.c") };
                files.push(("src/plugin.c", fill(source)));
                files.push(("Makefile", fill(text!("c.mk"))));
                files.push((".gitignore", "/lib\n".to_owned()));
                files.extend(kit::HEADER.iter().map(|(path, text)| (*path, (*text).to_owned())));
            }
        }
        files
    }

    fn fill(&self, text: &str) -> String {
        let (name, id) = (&self.name, &self.id);
        let file = format!("lib/{}/{DLL_PREFIX}{}{DLL_SUFFIX}", platform(), name.replace('-', "_"));
        let native = self.kind != Kind::Tableau;
        let in_c = native && self.language == Language::C;
        let library = if in_c {
            format!("[native.library.{}]\nfile = \"{file}\"\n", platform())
        } else {
            String::new()
        };
        let (kind, use_it, caps) = match self.kind {
            Kind::Solver => ("solver", solver_use(id, name), CAPS),
            Kind::Network => ("network", network_use(id, name), ""),
            Kind::Tableau => ("method", solver_use(id, name), ""),
        };
        let (build, files) = match (native, in_c) {
            (false, _) => {
                ("There is nothing to build: `tableaus.toml` holds its coefficients.\n", "")
            }
            (true, false) => (BUILD_RUST, KIT_RUST),
            (true, true) => (BUILD_C, KIT_C),
        };
        let pairs = [
            ("{{build}}", build),
            ("{{files}}", files),
            ("{{use}}", &use_it),
            ("{{kind}}", kind),
            ("{{caps}}", caps),
            ("{{library}}", &library),
            ("{{file}}", &file),
            ("{{local}}", name),
            ("{{name}}", name),
            ("{{id}}", id),
        ];
        let filled = pairs.iter().fold(text.to_owned(), |t, (mark, with)| t.replace(mark, with));
        format!("{}\n", filled.trim_end())
    }
}

const CAPS: &str = "caps = [\"adaptive\", \"backward\", \"deterministic\", \"f64\"]";
const BUILD_RUST: &str = "`cargo build --release` builds it; `cargo test` also tests it.\n";
const BUILD_C: &str = "`make` builds it; `make test` also tests it.\n";
const KIT_RUST: &str = "`src/lib.rs` is the method; `kit` is a copy of Slopefield's kit for authors, which a newer version of the\n\
     application may bring anew. The version in `Cargo.toml` and `plugin.toml` is the same.";
const KIT_C: &str = "`src/plugin.c` is the method; `include` has a copy of Slopefield's header. The version in `src/plugin.c` and\n\
     `plugin.toml` is the same. For other systems, build there and name the library in `plugin.toml`, too.";

fn solver_use(id: &str, name: &str) -> String {
    format!("In a study: `method = \"{id}/{name}\"` under `[solver]`.")
}

fn network_use(id: &str, name: &str) -> String {
    format!("In a model: `network f: {id}/{name}(inputs: 2, outputs: 1)`.")
}
