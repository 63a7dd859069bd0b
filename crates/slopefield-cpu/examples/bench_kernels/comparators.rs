//! Hand-written C, compiled on this machine, as functions to call.

use std::path::Path;
use std::process::Command;

use libloading::Library;

/// `f(t, u, p, out, scratch)`.
pub type EvalFn = unsafe extern "C" fn(f64, *const f64, *const f64, *mut f64, *mut f64);
/// `f_vjp(t, u, p, w, gu, gp, scratch)`; adds to `gu` and `gp`.
pub type VjpFn =
    unsafe extern "C" fn(f64, *const f64, *const f64, *const f64, *mut f64, *mut f64, *mut f64);

/// A compiled C file of `benches/core`.
pub struct Comparator {
    pub eval: EvalFn,
    pub vjp: Option<VjpFn>,
    _library: Library,
}

/// Elements of scratch that are enough for every comparator.
pub const SCRATCH: usize = 1024;

impl Comparator {
    /// Compiles `benches/core/NAME.c` with `cc -O3 -march=native` and more flags.
    ///
    /// # Errors
    /// What the compiler or the loader says.
    pub fn build(name: &str, flags: &[&str]) -> Result<Comparator, String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../benches/core")
            .join(name)
            .with_extension("c");
        let folder = std::env::temp_dir().join(format!("slopefield-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let output = folder.join(format!("{name}{}.so", flags.concat()));
        let compiled = Command::new("cc")
            .args(["-O3", "-march=native", "-shared", "-fPIC"])
            .args(flags)
            .arg(&source)
            .arg("-o")
            .arg(&output)
            .arg("-lm")
            .output()
            .map_err(|e| format!("cc cannot be run: {e}"))?;
        if !compiled.status.success() {
            return Err(String::from_utf8_lossy(&compiled.stderr).into_owned());
        }
        // SAFETY: the library is the project's own C file and runs nothing when it is loaded.
        let library = unsafe { Library::new(&output) }.map_err(|e| e.to_string())?;
        std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
        // SAFETY: all files of `benches/core` define these functions with these signatures.
        let (eval, vjp) = unsafe {
            (
                *library.get::<EvalFn>(b"f\0").map_err(|e| e.to_string())?,
                library.get::<VjpFn>(b"f_vjp\0").ok().map(|f| *f),
            )
        };
        Ok(Comparator { eval, vjp, _library: library })
    }
}
