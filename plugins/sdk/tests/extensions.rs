//! Extensions of the problem and of the factory between kits and hosts of different ages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(unsafe_code, reason = "the test plays the host of a C interface")]

use slopefield_plugin_sdk::export::abi::*;
use slopefield_plugin_sdk::prelude::*;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

/// Asks for every extension when it is created.
struct Asks;

thread_local! {
    /// What the last instance found: split, noise, delays.
    static FOUND: Cell<[bool; 3]> = const { Cell::new([false; 3]) };
}

impl Solver for Asks {
    const INFO: SolverInfo =
        SolverInfo::new("asks", "Asks", 1.0).caps(Caps::STEP_VJP.and(Caps::SINGULAR_MASS));
    type Options = NoOptions;

    fn create(problem: &Problem<'_>, _: &Config<'_, NoOptions>) -> Result<Self, Error> {
        problem.implicit()?;
        let [split, noise] = [problem.split()?.is_some(), problem.noise()?.is_some()];
        FOUND.set([split, noise, problem.delays()?.is_some()]);
        Ok(Asks)
    }
    fn start(&mut self, _: &Problem<'_>, _: f64, _: f64, _: &[f64]) -> Result<(), Error> {
        Ok(())
    }
    fn step(&mut self, _: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        Ok(Step { t_prev: 0.0, t: t_limit, h_next: 1.0, error_norm: f64::NAN, rejected: 0 })
    }
    fn state(&self) -> &[f64] {
        &[1.0]
    }
    fn restart(&mut self, _: &Problem<'_>, _: f64, _: &[f64]) -> Result<(), Error> {
        Ok(())
    }
    fn record_len(&self) -> usize {
        1
    }
    fn record(&self, out: &mut [f64]) -> Result<(), Error> {
        out[0] = 7.0;
        Ok(())
    }
    fn reverse(&mut self, _: &Problem<'_>, step: &mut Reversal<'_>) -> Result<(), Error> {
        assert_eq!(step.record, [7.0]);
        step.weights[0] *= 3.0;
        Ok(())
    }
}

export_plugin! { id: "org.example.asks", solvers: [Asks], networks: [] }

unsafe extern "C" {
    fn slopefield_plugin_v1(host: *const slf_host, err: *mut slf_error) -> *const slf_plugin;
}

/// Tables of a host; null where it has none.
struct Offers {
    implicit: *const slf_implicit_problem,
    noise: *const slf_noise_problem,
}

unsafe extern "C" fn get_extension(ctx: *mut c_void, id: slf_str) -> *const c_void {
    // SAFETY: the context is alive during the test, the text during the call.
    let (offers, id) = unsafe {
        (&*ctx.cast::<Offers>(), std::slice::from_raw_parts(id.ptr.cast::<u8>(), id.len as usize))
    };
    match str::from_utf8(id).unwrap() {
        IMPLICIT_PROBLEM => offers.implicit.cast(),
        NOISE_PROBLEM => offers.noise.cast(),
        _ => ptr::null(),
    }
}

unsafe extern "C" fn rhs(_: *mut c_void, _: f64, _: *const c_void, _: *mut c_void) -> slf_status {
    SLF_OK
}
unsafe extern "C" fn poll(_: *mut c_void) -> slf_status {
    SLF_OK
}
unsafe extern "C" fn nothing(_: *mut c_void, _: slf_str) -> *const c_void {
    ptr::null()
}
unsafe extern "C" fn log(_: *mut c_void, _: i32, _: slf_str) {}

fn factory() -> slf_solver_factory {
    let host: &'static slf_host = Box::leak(Box::new(slf_host {
        struct_size: size_of::<slf_host>() as u32,
        abi_minor: 0,
        ctx: ptr::null_mut(),
        name: slf_str::new("test"),
        version: slf_str::new("0"),
        get_extension: Some(nothing),
        log: Some(log),
    }));
    // SAFETY: the plugin's own functions and the tables it promises.
    unsafe {
        let root = *slopefield_plugin_v1(host, ptr::null_mut());
        *root.get_factory.unwrap()(slf_str::new(SOLVER_FACTORY)).cast::<slf_solver_factory>()
    }
}

fn problem(offers: &Offers) -> slf_problem {
    slf_problem {
        struct_size: size_of::<slf_problem>() as u32,
        dtype: SLF_F64,
        n: 1,
        ctx: ptr::from_ref(offers).cast_mut().cast(),
        rhs: Some(rhs),
        jacobian: None,
        jvp: None,
        vjp: None,
        dfdt: None,
        mass: None,
        jacobian_pattern: ptr::null(),
        mass_pattern: ptr::null(),
        poll: Some(poll),
        get_extension: Some(get_extension),
    }
}

/// An instance for a problem, or the status and sentence with which it is refused.
fn create(problem: &slf_problem) -> Result<*mut slf_solver, (slf_status, String)> {
    let config = slf_solver_config {
        struct_size: size_of::<slf_solver_config>() as u32,
        reserved: 0,
        rtol: 1e-6,
        atol: &1e-6,
        h_init: 0.0,
        h_min: 0.0,
        h_max: 0.0,
        options: ptr::null(),
        n_options: 0,
    };
    let mut err = slf_error {
        struct_size: size_of::<slf_error>() as u32,
        code: 0,
        message_len: 0,
        reserved: 0,
        message: [0; ERROR_MESSAGE_CAPACITY],
    };
    let (mut raw, id) = (ptr::null_mut(), slf_str::new("asks"));
    // SAFETY: everything lives during the call, and the problem as long as the instance.
    let status = unsafe { factory().create.unwrap()(id, problem, &config, &mut raw, &mut err) };
    let text = str::from_utf8(&err.message[..err.message_len as usize]).unwrap().to_owned();
    if status == SLF_OK { Ok(raw) } else { Err((status, text)) }
}

fn destroy(raw: *mut slf_solver) {
    // SAFETY: given back once.
    unsafe { factory().destroy.unwrap()(raw) }
}

fn matrices() -> slf_implicit_problem {
    slf_implicit_problem {
        struct_size: size_of::<slf_implicit_problem>() as u32,
        flags: 0,
        ctx: ptr::null_mut(),
        jacobian_pattern: ptr::null(),
        mass_pattern: ptr::null(),
        jacobian: None,
        mass: None,
        mass_product: None,
        linearise: None,
        factor: None,
        solve: None,
        solve_transposed: None,
    }
}

fn noise() -> slf_noise_problem {
    slf_noise_problem {
        struct_size: size_of::<slf_noise_problem>() as u32,
        kind: SLF_NOISE_DIAGONAL,
        calculus: SLF_CALCULUS_ITO,
        reserved: 0,
        sources: 1,
        ctx: ptr::null_mut(),
        coefficients: None,
        coefficients_jvp: None,
        increments: None,
    }
}

#[test]
fn an_older_host_is_told_what_is_missing() {
    let offers = Offers { implicit: ptr::null(), noise: ptr::null() };
    let refused = create(&problem(&offers)).unwrap_err();
    let sentence = "this host does not offer the matrices of the problem";
    assert_eq!(refused, (SLF_ERR_UNSUPPORTED, sentence.to_owned()));
    // One that does not know how to ask.
    let silent = slf_problem { get_extension: None, ..problem(&offers) };
    assert_eq!(create(&silent).unwrap_err().0, SLF_ERR_UNSUPPORTED);
}

#[test]
fn what_a_problem_does_not_have_is_none() {
    let (matrices, noise) = (matrices(), noise());
    let offers = Offers { implicit: &matrices, noise: ptr::null() };
    destroy(create(&problem(&offers)).unwrap());
    assert_eq!(FOUND.get(), [false, false, false]);
    let offers = Offers { implicit: &matrices, noise: &noise };
    destroy(create(&problem(&offers)).unwrap());
    assert_eq!(FOUND.get(), [false, true, false]);
}

/// A table that has grown at its end serves; one that is shorter, or says what cannot be, does not.
#[test]
fn tables_of_other_ages_are_checked() {
    #[repr(C)]
    struct Newer(slf_implicit_problem, u64);
    let mut newer = Newer(matrices(), 5);
    newer.0.struct_size = size_of::<Newer>() as u32;
    let offers = Offers { implicit: (&raw const newer).cast(), noise: ptr::null() };
    destroy(create(&problem(&offers)).unwrap());

    let shorter = slf_implicit_problem { struct_size: 80, ..matrices() };
    let offers = Offers { implicit: &shorter, noise: ptr::null() };
    let refused = create(&problem(&offers)).unwrap_err();
    assert_eq!(refused.1, "the host's table of matrices is too short");

    let (col_ptr, row_idx) = ([0, 1], [3]);
    let pattern = slf_sparsity {
        struct_size: size_of::<slf_sparsity>() as u32,
        reserved: 0,
        nnz: 1,
        col_ptr: col_ptr.as_ptr(),
        row_idx: row_idx.as_ptr(),
    };
    let outside = slf_implicit_problem { jacobian_pattern: &pattern, ..matrices() };
    let offers = Offers { implicit: &outside, noise: ptr::null() };
    let refused = create(&problem(&offers)).unwrap_err();
    assert_eq!(refused.1, "the host passed a pattern that is none");

    let matrices = matrices();
    for (wrong, sentence) in [
        (slf_noise_problem { kind: 9, ..noise() }, "the noise is of an unknown kind"),
        (
            slf_noise_problem { calculus: 0, ..noise() },
            "the stochastic integral is of an unknown kind",
        ),
        (slf_noise_problem { sources: 2, ..noise() }, "diagonal noise has a source for each state"),
        (slf_noise_problem { struct_size: 8, ..noise() }, "the host's table of noise is too short"),
    ] {
        let offers = Offers { implicit: &matrices, noise: &wrong };
        assert_eq!(create(&problem(&offers)).unwrap_err().1, sentence);
    }
}

#[test]
fn steps_are_recorded_and_reversed() {
    let matrices = matrices();
    let offers = Offers { implicit: &matrices, noise: ptr::null() };
    let (table, problem) = (factory(), problem(&offers));
    let raw = create(&problem).unwrap();
    let extension = |id: &'static str| {
        // SAFETY: the plugin's own function, given text that lives for ever.
        unsafe { table.get_extension.unwrap()(slf_str::new(id)) }
    };
    assert!(extension("slopefield.solver.step-vjp/2").is_null());
    let err = ptr::null_mut();
    // SAFETY: the table of this id, and calls on a living instance with what the interface asks for.
    unsafe {
        let vjp = *extension(STEP_VJP).cast::<slf_step_vjp>();
        let (mut len, mut record) = (0, [0.0]);
        assert_eq!(vjp.record_len.unwrap()(raw, &mut len, err), SLF_OK);
        assert_eq!(len, 1);
        assert_eq!(table.start.unwrap()(raw, 0.0, 9.0, (&raw const ONE).cast(), err), SLF_OK);
        // There is no step yet.
        assert_eq!(vjp.record.unwrap()(raw, record.as_mut_ptr(), err), SLF_ERR_ARGUMENT);
        let mut step = slf_step {
            struct_size: size_of::<slf_step>() as u32,
            flags: 0,
            t_prev: 0.0,
            t: 0.0,
            h_next: 0.0,
            error_norm: 0.0,
            y: ptr::null(),
            n_rejected: 0,
        };
        assert_eq!(table.step.unwrap()(raw, 2.0, &mut step, err), SLF_OK);
        assert_eq!(vjp.record.unwrap()(raw, record.as_mut_ptr(), err), SLF_OK);
        let mut weights = [2.0];
        let reversal = slf_reversal {
            struct_size: size_of::<slf_reversal>() as u32,
            reserved: 0,
            t_prev: 0.0,
            t: 2.0,
            y_prev: (&raw const ONE).cast(),
            y: (&raw const ONE).cast(),
            record: record.as_ptr(),
            n_inside: 0,
            inside: ptr::null(),
            inside_weights: ptr::null(),
            weights: weights.as_mut_ptr().cast(),
            ctx: ptr::null_mut(),
            pull_back: None,
        };
        assert_eq!(vjp.reverse.unwrap()(raw, &reversal, err), SLF_OK);
        assert_eq!(weights, [6.0]);
        let still = slf_reversal { t: 0.0, ..reversal };
        assert_eq!(vjp.reverse.unwrap()(raw, &still, err), SLF_ERR_ARGUMENT);
        let short = slf_reversal { struct_size: 88, ..reversal };
        assert_eq!(vjp.reverse.unwrap()(raw, &short, err), SLF_ERR_UNSUPPORTED);
        assert_eq!(vjp.reverse.unwrap()(raw, ptr::null(), err), SLF_ERR_ARGUMENT);
    }
    destroy(raw);
}

static ONE: f64 = 1.0;
