//! Evaluations with their checks: what is let through has the bits of the kernel, and everything else is
//! left to the function of the site with the same arguments.

use slopefield_cpu::{CompiledKernel, Options, compile_with};
use slopefield_graph::{BuiltinNetworks, lower};
use slopefield_kernel::{CheckedEval, EvalSite, Kernel};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

const LOTKA_VOLTERRA: &str = "\
param a = 1.5\nparam b = 1\nparam c = 3\nparam d = 1\nstate x = 1\nstate y = 1
x' = a*x - b*x*y\ny' = -c*y + d*x*y\n";
/// An odd number of states, functions that are called, and the time.
const FUNCTIONS: &str = "\
param k = 0.3\nstate x = 1\nstate y = 1\nstate z = 1
x' = exp(-k*y)*cos(t)\ny' = tanh(x*z) + ln(z)\nz' = sqrt(x) - exp(-z) + t\n";
/// Too much to be copied: the kernel's own code is called.
const NETWORK: &str = "\
state x = 2\nstate y = 0
network n: mlp(inputs: 2, outputs: 2, hidden: [50], activation: tanh)
let z = n(x^3, y^3)\nx' = z[1]\ny' = z[2] + ln(x)\n";

fn kernel(text: &str, options: Options) -> CompiledKernel {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    compile_with(&lower(&model, &BuiltinNetworks).unwrap().rhs, options).unwrap()
}

thread_local! {
    /// Time and pointers of the last call that was not let through.
    static LEFT: Cell<Option<(f64, usize, usize)>> = const { Cell::new(None) };
}

unsafe extern "C" fn otherwise(_: *mut c_void, t: f64, u: *const c_void, out: *mut c_void) -> i32 {
    LEFT.set(Some((t, u as usize, out as usize)));
    -7
}

/// A site and what its pointers point to.
struct Place {
    code: CheckedEval,
    p: Vec<f64>,
    stop: AtomicBool,
    scratch: Vec<f64>,
    evaluations: u64,
}

impl Place {
    fn new(kernel: &CompiledKernel) -> Place {
        let params = kernel.shape().params;
        Place {
            code: kernel.checked_eval().expect("a small system"),
            p: (0..params).map(|i| 0.2 + 0.7 * (i as f64).sin().abs()).collect(),
            stop: AtomicBool::new(false),
            scratch: vec![f64::NAN; kernel.scratch_len()],
            evaluations: 0,
        }
    }

    /// Status, and whether the call was let through.
    fn call(&mut self, t: f64, u: *const f64, out: *mut f64) -> bool {
        let begin = self.scratch.as_mut_ptr();
        let before = (begin as usize).wrapping_neg() % EvalSite::SCRATCH_ALIGNMENT;
        let mut site = EvalSite {
            earliest: -1.0,
            latest: 2.0,
            stop: &raw const self.stop,
            p: self.p.as_ptr(),
            scratch: begin.wrapping_byte_add(before),
            evaluations: self.evaluations,
            otherwise,
        };
        LEFT.set(None);
        // SAFETY: the site's pointers are valid for the kernel's lengths; `u` and `out` are, or are not
        // touched because the code must leave them to `otherwise`.
        let status =
            unsafe { (self.code.function())((&raw mut site).cast(), t, u.cast(), out.cast()) };
        let through = LEFT.get().is_none();
        assert_eq!(status, if through { 0 } else { -7 });
        assert_eq!(site.evaluations, self.evaluations + u64::from(through));
        self.evaluations = site.evaluations;
        if !through {
            let (at, from, to) = LEFT.get().unwrap();
            assert_eq!((at.to_bits(), from, to), (t.to_bits(), u as usize, out as usize));
        }
        through
    }
}

fn of_every_kind(test: impl Fn(&CompiledKernel)) {
    for text in [LOTKA_VOLTERRA, FUNCTIONS, NETWORK] {
        for gather in [true, false] {
            test(&kernel(text, Options { gather, ..Options::default() }));
        }
    }
}

#[test]
fn values_are_those_of_the_kernel() {
    of_every_kind(|kernel| {
        let n = kernel.shape().states;
        let mut place = Place::new(kernel);
        let mut scratch = vec![0.0; kernel.scratch_len()];
        for round in 0..20 {
            let t = 0.1 * f64::from(round) - 0.5;
            let u: Vec<f64> = (0..n).map(|i| 1.3 + (t + i as f64).sin()).collect();
            let (mut expected, mut out) = (vec![0.0; n], vec![0.0; n]);
            kernel.eval(t, &u, &place.p, &mut expected, &mut scratch);
            assert!(place.call(t, u.as_ptr(), out.as_mut_ptr()));
            let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&out), bits(&expected));
        }
        assert_eq!(place.evaluations, 20);
    });
}

#[test]
fn what_is_not_right_is_left() {
    of_every_kind(|kernel| {
        let n = kernel.shape().states;
        let mut place = Place::new(kernel);
        // Room for arguments in all positions to each other.
        let mut room = vec![0.7; 6 * n];
        let base = room.as_mut_ptr();
        let at = |i: usize| base.wrapping_add(i);
        for t in [-1.0, 2.0] {
            assert!(place.call(t, at(0), at(n)), "{t}");
        }
        for t in [-1.0 - 1e-15, 2.0 + 1e-15, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!place.call(t, at(0), at(n)), "{t}");
        }
        for distance in 0..3 * n {
            room[..].fill(0.7);
            assert_eq!(place.call(0.0, at(0), at(distance)), distance >= n, "{distance}");
            room[..].fill(0.7);
            assert_eq!(place.call(0.0, at(distance), at(0)), distance >= n, "{distance}");
        }
        room[..].fill(0.7);
        assert!(!place.call(0.0, std::ptr::null(), at(0)));
        assert!(!place.call(0.0, at(0), std::ptr::null_mut()));
        assert!(!place.call(0.0, at(0).wrapping_byte_add(4), at(2 * n)));
        assert!(!place.call(0.0, at(0), at(2 * n).wrapping_byte_add(1)));
        place.stop.store(true, Ordering::Relaxed);
        assert!(!place.call(0.0, at(0), at(n)));
        place.stop.store(false, Ordering::Relaxed);
        assert!(place.call(0.0, at(0), at(n)));
    });
}

#[test]
fn values_that_are_not_finite_are_left() {
    of_every_kind(|kernel| {
        let n = kernel.shape().states;
        let mut place = Place::new(kernel);
        let mut out = vec![0.0; n];
        for i in 0..n {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut u = vec![0.7; n];
                u[i] = bad;
                let mut expected = vec![0.0; n];
                let mut scratch = vec![0.0; kernel.scratch_len()];
                kernel.eval(0.0, &u, &place.p, &mut expected, &mut scratch);
                let finite = expected.iter().all(|v| v.is_finite());
                assert_eq!(place.call(0.0, u.as_ptr(), out.as_mut_ptr()), finite, "{u:?}");
            }
        }
    });
    // Not for every state of every system, but for these.
    let mut place = Place::new(&kernel(LOTKA_VOLTERRA, Options::default()));
    let mut out = [0.0; 2];
    assert!(!place.call(0.0, [1.0, f64::NAN].as_ptr(), out.as_mut_ptr()));
    assert!(!place.call(0.0, [1e200, 1e200].as_ptr(), out.as_mut_ptr()));
}

/// The code lives as long as somebody holds it, whatever becomes of the kernel.
#[test]
fn code_outlives_its_kernel() {
    for text in [LOTKA_VOLTERRA, NETWORK] {
        let mut place = Place::new(&kernel(text, Options::default()));
        let (u, mut out) = ([1.1, 0.4], [0.0; 2]);
        assert!(place.call(0.0, u.as_ptr(), out.as_mut_ptr()));
    }
}

/// Nothing is made where checks are little beside the evaluation.
#[test]
fn large_systems_have_none() {
    let mut text = String::new();
    for i in 0..17 {
        text += &format!("state x{i} = 1\nx{i}' = -x{i}\n");
    }
    assert!(kernel(&text, Options::default()).checked_eval().is_none());
}
