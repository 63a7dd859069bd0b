//! Calls of the compiled comparators: all unsafe code of this crate.

#![allow(unsafe_code, reason = "the comparators are C")]

use super::Comparators;
use super::toolchain::Source;
use crate::BenchError;
use libloading::Library;
use slopefield_problems::Problem;
use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::path::Path;

type EvalFn = unsafe extern "C" fn(f64, *const f64, *const f64, *mut f64, *mut f64);
type VjpFn =
    unsafe extern "C" fn(f64, *const f64, *const f64, *const f64, *mut f64, *mut f64, *mut f64);

/// Numbers of the states, parameters and work space of a right-hand side in C.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub states: usize,
    pub params: usize,
    pub scratch: usize,
}

/// A right-hand side in C: `f(t, u, p, out, scratch)`, and its product
/// `f_vjp(t, u, p, w, gu, gp, scratch)`, which adds.
pub(crate) struct CFunction {
    eval: EvalFn,
    vjp: Option<VjpFn>,
    sizes: Sizes,
    /// Last, so that it outlives the addresses above.
    _library: Library,
}

impl CFunction {
    /// `None` without a compiler. `sizes` must be those of the source.
    pub(crate) fn open(
        comparators: &Comparators,
        source: &Source,
        sizes: Sizes,
    ) -> Result<Option<CFunction>, BenchError> {
        let Some(path) = comparators.library(source)? else {
            return Ok(None);
        };
        let library = load(&path, source)?;
        // SAFETY: all sources of functions declare these names with these types.
        let (eval, vjp) = unsafe {
            (
                library.get::<EvalFn>(b"f\0").map(|f| *f),
                library.get::<VjpFn>(b"f_vjp\0").map(|f| *f),
            )
        };
        let eval = eval.map_err(|e| unusable(source, &e))?;
        Ok(Some(CFunction { eval, vjp: vjp.ok(), sizes, _library: library }))
    }

    /// Evaluates `calls` times; each time `next` makes the following state from the result.
    pub(crate) fn eval(
        &self,
        calls: usize,
        [u, out, scratch]: [&mut [f64]; 3],
        p: &[f64],
        next: impl Fn(&mut [f64], &[f64]),
    ) {
        let Sizes { states, params, scratch: space } = self.sizes;
        assert!(u.len() == states && p.len() == params && out.len() == states);
        assert!(scratch.len() >= space);
        for _ in 0..calls {
            let (u_, p, out_, scratch) =
                (u.as_ptr(), p.as_ptr(), out.as_mut_ptr(), scratch.as_mut_ptr());
            // SAFETY: the lengths are those of the source, which reads and writes no further.
            unsafe { (self.eval)(0.0, u_, p, out_, scratch) };
            next(u, out);
        }
    }

    /// Adds products to `gu` and `gp`, `calls` times; each time `next` makes the following weights
    /// `w` from `gu`.
    ///
    /// # Panics
    /// When the source has no product.
    pub(crate) fn vjp(
        &self,
        calls: usize,
        [u, p]: [&[f64]; 2],
        [w, gu, gp, scratch]: [&mut [f64]; 4],
        next: impl Fn(&mut [f64], &[f64]),
    ) {
        let vjp = self.vjp.expect("the case asks for a product only where the source has one");
        let Sizes { states, params, scratch: space } = self.sizes;
        assert!(u.len() == states && p.len() == params && w.len() == states);
        assert!(gu.len() == states && gp.len() == params && scratch.len() >= space);
        for _ in 0..calls {
            // SAFETY: as in `eval`.
            unsafe {
                vjp(
                    0.0,
                    u.as_ptr(),
                    p.as_ptr(),
                    w.as_ptr(),
                    gu.as_mut_ptr(),
                    gp.as_mut_ptr(),
                    scratch.as_mut_ptr(),
                );
            }
            next(w, gu);
        }
    }
}

/// A whole solve or gradient in C: a case of `whole.cpp`.
pub(crate) struct Whole {
    handle: *mut c_void,
    run: unsafe extern "C" fn(*mut c_void),
    result: unsafe extern "C" fn(*mut c_void, *mut c_long) -> *const f64,
    close: unsafe extern "C" fn(*mut c_void),
    /// Last, so that it outlives the addresses above.
    _library: Library,
}

type OpenFn = unsafe extern "C" fn(*const c_char, *const f64, c_long, c_long) -> *mut c_void;

impl Whole {
    /// `None` without a compiler.
    pub(crate) fn open(
        comparators: &Comparators,
        case: &str,
        input: &[f64],
        option: usize,
    ) -> Result<Option<Whole>, BenchError> {
        let source = &super::WHOLE;
        let Some(path) = comparators.library(source)? else {
            return Ok(None);
        };
        let library = load(&path, source)?;
        let refused = |reason: &str| BenchError::Unusable {
            source_name: source.name,
            reason: reason.to_owned(),
        };
        let name = CString::new(case).map_err(|_| refused("its case has a zero in its name"))?;
        let lengths = c_long::try_from(input.len()).ok().zip(c_long::try_from(option).ok());
        let (len, option) = lengths.ok_or_else(|| refused("its input is too long"))?;
        // SAFETY: `whole.cpp` declares these names with these types; `open` reads `len` numbers
        // and copies them.
        unsafe {
            let symbol = |e: libloading::Error| unusable(source, &e);
            let open: OpenFn = *library.get(b"whole_open\0").map_err(symbol)?;
            let run = *library.get(b"whole_run\0").map_err(symbol)?;
            let result = *library.get(b"whole_result\0").map_err(symbol)?;
            let close = *library.get(b"whole_close\0").map_err(symbol)?;
            let handle = open(name.as_ptr(), input.as_ptr(), len, option);
            if handle.is_null() {
                return Err(refused(&format!("it has no case `{case}` for this input")));
            }
            Ok(Some(Whole { handle, run, result, close, _library: library }))
        }
    }

    /// Does the work `calls` times.
    pub(crate) fn run(&mut self, calls: usize) {
        for _ in 0..calls {
            // SAFETY: the handle is open; a case has room for all its results and stays within it.
            unsafe { (self.run)(self.handle) };
        }
    }

    /// What the last run computed.
    pub(crate) fn result(&mut self) -> Vec<f64> {
        let mut len = 0;
        // SAFETY: the handle is open; the numbers stay valid until the next run.
        unsafe {
            let values = (self.result)(self.handle, &raw mut len);
            std::slice::from_raw_parts(values, usize::try_from(len).unwrap_or(0)).to_vec()
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used after this.
        unsafe { (self.close)(self.handle) };
    }
}

/// A problem with a solver in C, from the sources in `benches/solvers`.
pub(crate) struct Peer {
    handle: *mut c_void,
    run: unsafe extern "C" fn(*mut c_void, f64, f64) -> c_int,
    result: unsafe extern "C" fn(*mut c_void) -> *const f64,
    counts: unsafe extern "C" fn(*mut c_void, *mut c_long),
    close: unsafe extern "C" fn(*mut c_void),
    states: usize,
    name: &'static str,
    /// Last, so that it outlives the addresses above.
    _library: Library,
}

type PeerOpenFn = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const f64,
    c_long,
    *const f64,
    c_long,
    f64,
    f64,
) -> *mut c_void;

impl Peer {
    /// `None` without a compiler, and where the source has no such problem with this method.
    pub(crate) fn open(
        comparators: &Comparators,
        source: &'static Source,
        method: &str,
        problem: &Problem,
    ) -> Result<Option<Peer>, BenchError> {
        let Some(path) = comparators.library(source)? else {
            return Ok(None);
        };
        let library = load(&path, source)?;
        let Problem { id, u0, p, t0, t1, network, .. } = problem;
        // Networks have no entry of their own: their reactions stand in the place of parameters.
        let reactions = network.map(|network| network.encoded(p));
        let id = if network.is_some() { "reactions" } else { *id };
        let p = reactions.as_ref().unwrap_or(p);
        let names = CString::new(id).ok().zip(CString::new(method).ok());
        let lengths = c_long::try_from(u0.len()).ok().zip(c_long::try_from(p.len()).ok());
        let Some(((id, method), (n, m))) = names.zip(lengths) else {
            return Ok(None);
        };
        // SAFETY: both sources declare these names with these types; `open` reads `n` and `m`
        // numbers and copies them.
        unsafe {
            let symbol = |e: libloading::Error| unusable(source, &e);
            let open: PeerOpenFn = *library.get(b"peer_open\0").map_err(symbol)?;
            let run = *library.get(b"peer_run\0").map_err(symbol)?;
            let result = *library.get(b"peer_result\0").map_err(symbol)?;
            let counts = *library.get(b"peer_counts\0").map_err(symbol)?;
            let close = *library.get(b"peer_close\0").map_err(symbol)?;
            let (u, p) = (u0.as_ptr(), p.as_ptr());
            let handle = open(id.as_ptr(), method.as_ptr(), u, n, p, m, *t0, *t1);
            // A peer must not be made of nothing: it would be closed.
            if handle.is_null() {
                return Ok(None);
            }
            let (states, name) = (u0.len(), source.name);
            Ok(Some(Peer { handle, run, result, counts, close, states, name, _library: library }))
        }
    }

    /// Solves once.
    pub(crate) fn run(&mut self, rtol: f64, atol: f64) -> Result<(), BenchError> {
        // SAFETY: the handle is open; it has room for its state and stays within it.
        match unsafe { (self.run)(self.handle, rtol, atol) } {
            0 => Ok(()),
            code => Err(BenchError::Unusable {
                source_name: self.name,
                reason: format!("the solver did not reach the end (code {code})"),
            }),
        }
    }

    /// The state at the end of the last run.
    pub(crate) fn result(&self) -> Vec<f64> {
        // SAFETY: the handle is open; the numbers stay valid until the next run.
        unsafe { std::slice::from_raw_parts((self.result)(self.handle), self.states).to_vec() }
    }

    /// Steps, right-hand sides, Jacobians, factorisations of the last run.
    pub(crate) fn counts(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        // SAFETY: the handle is open; four numbers are written.
        unsafe { (self.counts)(self.handle, counts.as_mut_ptr()) };
        counts.map(|count| u64::try_from(count).unwrap_or(0))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used after this.
        unsafe { (self.close)(self.handle) };
    }
}

fn load(path: &Path, source: &Source) -> Result<Library, BenchError> {
    // SAFETY: the library was compiled from our own source in a folder of the user; it has no
    // constructors beyond those of the C++ runtime.
    unsafe { Library::new(path) }.map_err(|e| unusable(source, &e))
}

fn unusable(source: &Source, error: &libloading::Error) -> BenchError {
    BenchError::Unusable { source_name: source.name, reason: error.to_string() }
}
