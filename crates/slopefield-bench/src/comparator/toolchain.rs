//! The C compilers of the machine, and the libraries they make.

use crate::{BenchError, Machine};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a comparator is made of.
pub(crate) struct Source {
    /// Name of the first file.
    pub name: &'static str,
    pub language: Language,
    /// Name and text; the first is compiled, the others are included by it.
    pub files: &'static [(&'static str, &'static str)],
    pub flags: &'static [&'static [&'static str]],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Cpp,
}

/// The C and C++ compilers of this machine, where there are any, and the folder for what they make.
#[derive(Debug, Clone)]
pub struct Comparators {
    c: Option<Compiler>,
    cpp: Option<Compiler>,
    folder: PathBuf,
    /// The processor, for which code is compiled.
    processor: String,
}

#[derive(Debug, Clone)]
struct Compiler {
    program: OsString,
    /// First line of `--version`.
    version: String,
}

/// Where compiled comparators are kept: the user's own folder for such things, below
/// `SLOPEFIELD_DATA_DIR` when that is set. Not the folder of temporary files, where others could
/// leave a library of the same name.
#[must_use]
pub fn cache_folder() -> PathBuf {
    let home = std::env::var_os("SLOPEFIELD_DATA_DIR").map(|dir| PathBuf::from(dir).join("cache"));
    let own = || {
        let dirs = directories::ProjectDirs::from("org", "Slopefield", "Slopefield")?;
        Some(dirs.cache_dir().to_path_buf())
    };
    home.or_else(own).unwrap_or_else(|| PathBuf::from(".slopefield-cache")).join("bench")
}

impl Comparators {
    /// Looks for `cc` and `c++`, or what the variables `CC` and `CXX` name; keeps libraries in
    /// `folder`.
    #[must_use]
    pub fn find(folder: PathBuf) -> Comparators {
        let named = |variable: &str, usual: &str| {
            Compiler::find(std::env::var_os(variable).unwrap_or_else(|| usual.into()))
        };
        let machine = Machine::here();
        Comparators {
            c: named("CC", "cc"),
            cpp: named("CXX", "c++"),
            folder,
            processor: format!("{} {}", machine.processor, machine.instructions),
        }
    }

    /// No compiler: cases are measured alone.
    #[must_use]
    pub fn none() -> Comparators {
        Comparators { c: None, cpp: None, folder: PathBuf::new(), processor: String::new() }
    }

    /// Versions of the compilers; `None` when one of them is missing.
    #[must_use]
    pub fn description(&self) -> Option<String> {
        let (c, cpp) = (self.c.as_ref()?, self.cpp.as_ref()?);
        let same = c.version.trim_start_matches(|l: char| !l.is_ascii_digit())
            == cpp.version.trim_start_matches(|l: char| !l.is_ascii_digit());
        Some(if same { c.version.clone() } else { format!("{}; {}", c.version, cpp.version) })
    }

    /// The shared library of a comparator, compiled if it is not there yet; `None` without a
    /// compiler for its language.
    pub(crate) fn library(&self, source: &Source) -> Result<Option<PathBuf>, BenchError> {
        let compiler = match source.language {
            Language::C => &self.c,
            Language::Cpp => &self.cpp,
        };
        let Some(compiler) = compiler else {
            return Ok(None);
        };
        let path = self.folder.join(format!(
            "{}-{}{}",
            source.name.replace('.', "-"),
            self.fingerprint(source, compiler),
            std::env::consts::DLL_SUFFIX
        ));
        if !path.exists() {
            compile(source, compiler, &self.folder, &path)?;
        }
        Ok(Some(path))
    }

    /// Of everything that the library depends on.
    fn fingerprint(&self, source: &Source, compiler: &Compiler) -> String {
        let mut hash = blake3::Hasher::new();
        let texts = source.files.iter().flat_map(|(name, text)| [*name, *text]);
        let flags = source.flags.iter().flat_map(|flags| flags.iter().copied());
        for part in texts.chain(flags).chain([&*compiler.version, &*self.processor]) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().to_hex()[..16].to_owned()
    }
}

impl Compiler {
    fn find(program: OsString) -> Option<Compiler> {
        let output = Command::new(&program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or_default().to_owned();
        output.status.success().then_some(Compiler { program, version })
    }
}

/// Compiles in a folder of its own and moves the library into place, so that two programs at the
/// same time do not see each other's halves.
fn compile(
    source: &Source,
    compiler: &Compiler,
    folder: &Path,
    library: &Path,
) -> Result<(), BenchError> {
    let work = folder.join(format!("build-{}-{}", source.name, std::process::id()));
    std::fs::create_dir_all(&work).map_err(|e| file(&work, e))?;
    let made = compile_in(source, compiler, &work, library);
    // Left over is only a folder in a cache.
    let _ = std::fs::remove_dir_all(&work);
    made
}

fn compile_in(
    source: &Source,
    compiler: &Compiler,
    work: &Path,
    library: &Path,
) -> Result<(), BenchError> {
    for (name, text) in source.files {
        let path = work.join(name);
        std::fs::write(&path, text).map_err(|e| file(&path, e))?;
    }
    let made = work.join("library");
    let output = Command::new(&compiler.program)
        .args(source.flags.iter().flat_map(|flags| flags.iter()))
        .args(["-shared", "-fPIC", source.name, "-lm", "-o", "library"])
        .current_dir(work)
        .output()
        .map_err(|e| file(&made, e))?;
    if !output.status.success() {
        return Err(BenchError::Comparator {
            source_name: source.name,
            compiler: compiler.version.clone(),
            printed: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    std::fs::rename(&made, library).map_err(|e| file(library, e))
}

fn file(path: &Path, source: std::io::Error) -> BenchError {
    BenchError::File { path: path.to_path_buf(), action: "written", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: Source = Source {
        name: "wrong.c",
        language: Language::C,
        files: &[("wrong.c", "this is not C\n")],
        flags: &[],
    };
    const RIGHT: Source = Source {
        name: "right.c",
        language: Language::C,
        files: &[("right.c", "double one(void) { return 1; }\n")],
        flags: &[],
    };

    #[test]
    fn a_library_is_made_once_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let comparators = Comparators::find(folder.path().join("new"));
        let made = comparators.library(&RIGHT).unwrap().expect("the tests need a C compiler");
        let when = std::fs::metadata(&made).unwrap().modified().unwrap();
        assert_eq!(comparators.library(&RIGHT).unwrap().as_ref(), Some(&made));
        assert_eq!(std::fs::metadata(&made).unwrap().modified().unwrap(), when);
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }

    #[test]
    fn what_the_compiler_printed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = Comparators::find(folder.path().into()).library(&WRONG).unwrap_err();
        assert!(error.to_string().contains("wrong.c does not compile"), "{error}");
        let BenchError::Comparator { printed, .. } = error else { panic!("{error}") };
        assert!(printed.contains("wrong.c:1"), "{printed}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn without_a_compiler_there_is_no_library() {
        assert_eq!(Compiler::find("no-such-compiler".into()).map(|c| c.version), None);
        assert_eq!(Comparators::none().library(&WRONG).unwrap(), None);
        assert_eq!(Comparators::none().description(), None);
    }
}
