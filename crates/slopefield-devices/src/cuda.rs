//! NVIDIA's own libraries, looked for as files: nothing is linked and nothing is loaded.

use std::path::{Path, PathBuf};

/// What there is of CUDA.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuda {
    /// The library of the driver.
    pub driver: Option<PathBuf>,
    /// Version of the driver, where the system tells it.
    pub version: Option<String>,
    /// The library that compiles CUDA C++ at run time (NVRTC); it is no part of the driver.
    pub compiler: Option<PathBuf>,
}

/// Names of the libraries; further digits and points may follow.
const DRIVER: &[&str] = if cfg!(windows) { &["nvcuda.dll"] } else { &["libcuda.so"] };
const COMPILER: &[&str] = if cfg!(windows) { &["nvrtc64_"] } else { &["libnvrtc.so"] };

/// Looks where loaders of libraries look.
#[must_use]
pub fn cuda() -> Cuda {
    let folders = folders();
    let version = std::fs::read_to_string("/proc/driver/nvidia/version").ok();
    Cuda {
        driver: first(&folders, DRIVER),
        version: version.as_deref().and_then(version_in),
        compiler: first(&folders, COMPILER),
    }
}

fn folders() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for variable in ["LD_LIBRARY_PATH", "PATH"] {
        let wanted = cfg!(windows) == (variable == "PATH");
        let paths = std::env::var_os(variable).filter(|_| wanted).unwrap_or_default();
        all.extend(std::env::split_paths(&paths).filter(|folder| !folder.as_os_str().is_empty()));
    }
    for variable in ["CUDA_PATH", "CUDA_HOME"] {
        if let Some(home) = std::env::var_os(variable) {
            all.extend(["lib64", "lib", "bin"].map(|below| Path::new(&home).join(below)));
        }
    }
    let usual: &[&str] = if cfg!(windows) {
        &["C:\\Windows\\System32"]
    } else {
        &[
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            "/usr/lib/wsl/lib",
            "/usr/local/cuda/lib64",
            "/usr/local/nvidia/lib64",
            "/opt/cuda/lib64",
            "/run/opengl-driver/lib",
        ]
    };
    all.extend(usual.iter().map(PathBuf::from));
    all
}

/// The first file in the first folder that has one with such a name.
fn first(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    folders.iter().find_map(|folder| {
        let entries = std::fs::read_dir(folder).ok()?;
        let fits = |path: &PathBuf| {
            let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase());
            name.is_some_and(|name| names.iter().any(|wanted| name.starts_with(wanted)))
        };
        let mut found: Vec<_> = entries.flatten().map(|e| e.path()).filter(fits).collect();
        found.sort();
        found.into_iter().next()
    })
}

/// The version in the driver's own words: `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15 …`.
fn version_in(text: &str) -> Option<String> {
    let mut words = text.lines().next()?.split_whitespace();
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    words.find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(windows))]
    fn libraries_are_found_by_their_names_with_versions() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["libcudart.so.12", "libcuda.so.1", "libnvrtc-builtins.so.12.4"] {
            std::fs::write(at(name), "").expect("a file");
        }
        let folders = [at("missing"), folder.path().to_owned()];
        assert_eq!(first(&folders, DRIVER), Some(at("libcuda.so.1")));
        assert_eq!(first(&folders, COMPILER), None);
        std::fs::write(at("libnvrtc.so.12"), "").expect("a file");
        assert_eq!(first(&folders, COMPILER), Some(at("libnvrtc.so.12")));
    }

    #[test]
    fn the_version_is_in_the_drivers_words() {
        let text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 2024\n\
                    GCC version:  gcc version 12.2.0\n";
        assert_eq!(version_in(text).as_deref(), Some("550.54.15"));
        assert_eq!(version_in("something else"), None);
    }
}
