//! The tables that `export_plugin!` makes, used as a host would: errors, panics, short buffers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(unsafe_code, reason = "the test plays the host of a C interface")]

use slopefield_plugin_sdk::export::abi::*;
use slopefield_plugin_sdk::prelude::*;
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;

/// `y' = f`, by Euler steps of length 1; misbehaves on wish.
struct Odd {
    t: f64,
    y: Vec<f64>,
    f: Vec<f64>,
    wish: String,
}

options! {
    /// Options of the test solver.
    pub struct OddOptions {
        /// What goes wrong.
        wish: String = "nothing".into(), choices(&["nothing", "panic", "nan", "ünïcödé"]);
        /// A number.
        gain: f64 = 1.5, min(0.0);
        /// Some numbers.
        list: Vec<f64> = vec![1.0, 2.5];
    }
}

impl Solver for Odd {
    const INFO: SolverInfo = SolverInfo::new("odd", "Odd", 1.0).dense_order(1.0);
    type Options = OddOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, OddOptions>) -> Result<Self, Error> {
        assert_eq!(config.options.gain, 1.5);
        let zero = vec![0.0; problem.len()];
        Ok(Odd { t: 0.0, y: zero.clone(), f: zero, wish: config.options.wish.clone() })
    }
    fn start(&mut self, p: &Problem<'_>, t0: f64, _: f64, y0: &[f64]) -> Result<(), Error> {
        self.restart(p, t0, y0)
    }
    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        match self.wish.as_str() {
            "panic" => panic!("wished for"),
            "ünïcödé" => return Err(Error::internal("ä".repeat(2000))),
            "nan" => self.y[0] = f64::NAN,
            _ => {}
        }
        problem.rhs(self.t, &self.y, &mut self.f)?;
        let t_prev = std::mem::replace(&mut self.t, t_limit);
        for (y, f) in self.y.iter_mut().zip(&self.f) {
            *y += (t_limit - t_prev) * f;
        }
        Ok(Step { t_prev, t: t_limit, h_next: 1.0, error_norm: 0.5, rejected: 0 })
    }
    fn state(&self) -> &[f64] {
        &self.y
    }
    fn restart(&mut self, _: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.t = t;
        self.y.copy_from_slice(y);
        Ok(())
    }
}

export_plugin! { id: "org.example.odd", solvers: [Odd], networks: [] }

unsafe extern "C" {
    fn slopefield_plugin_v1(host: *const slf_host, err: *mut slf_error) -> *const slf_plugin;
}

unsafe extern "C" fn rhs(_: *mut c_void, t: f64, _: *const c_void, out: *mut c_void) -> slf_status {
    if t > 5.0 {
        return SLF_ERR_CANCELLED;
    }
    // SAFETY: the problem has one state.
    unsafe { *out.cast::<f64>() = 2.0 };
    SLF_OK
}
unsafe extern "C" fn poll(_: *mut c_void) -> slf_status {
    SLF_OK
}
unsafe extern "C" fn no_extension(_: *mut c_void, _: slf_str) -> *const c_void {
    ptr::null()
}
unsafe extern "C" fn log(_: *mut c_void, _: i32, _: slf_str) {}

fn host() -> slf_host {
    slf_host {
        struct_size: size_of::<slf_host>() as u32,
        abi_minor: 0,
        ctx: ptr::null_mut(),
        name: slf_str::new("test"),
        version: slf_str::new("0"),
        get_extension: Some(no_extension),
        log: Some(log),
    }
}

fn buffer() -> slf_error {
    slf_error {
        struct_size: size_of::<slf_error>() as u32,
        code: 0,
        message_len: 0,
        reserved: 0,
        message: [b'.'; ERROR_MESSAGE_CAPACITY],
    }
}

fn text(err: &slf_error) -> &str {
    str::from_utf8(&err.message[..err.message_len as usize]).unwrap()
}

/// A host table that lives for ever, as the interface promises.
fn plugin() -> slf_plugin {
    let host: &'static slf_host = Box::leak(Box::new(host()));
    // SAFETY: a complete host table and no error buffer.
    unsafe { *slopefield_plugin_v1(host, ptr::null_mut()) }
}

fn factory() -> slf_solver_factory {
    // SAFETY: the plugin's own function and the table it promises.
    unsafe {
        let table = plugin().get_factory.unwrap()(slf_str::new(SOLVER_FACTORY));
        *table.cast::<slf_solver_factory>()
    }
}

struct Instance {
    table: slf_solver_factory,
    raw: *mut slf_solver,
    _problem: Box<slf_problem>,
}

unsafe extern "C" fn mass(_: *mut c_void, _: f64, _: *mut c_void) -> slf_status {
    SLF_OK
}

fn problem() -> slf_problem {
    slf_problem {
        struct_size: size_of::<slf_problem>() as u32,
        dtype: SLF_F64,
        n: 1,
        ctx: ptr::null_mut(),
        rhs: Some(rhs),
        jacobian: None,
        jvp: None,
        vjp: None,
        dfdt: None,
        mass: None,
        jacobian_pattern: ptr::null(),
        mass_pattern: ptr::null(),
        poll: Some(poll),
        get_extension: Some(no_extension),
    }
}

fn create(
    id: &'static str,
    wish: &'static str,
    err: &mut slf_error,
) -> Result<Instance, slf_status> {
    create_for(problem(), id, wish, err)
}

fn create_for(
    problem: slf_problem,
    id: &'static str,
    wish: &'static str,
    err: &mut slf_error,
) -> Result<Instance, slf_status> {
    let table = factory();
    let problem = Box::new(problem);
    let option = slf_option {
        name: slf_str::new("wish"),
        r#type: SLF_OPTION_TEXT,
        reserved: 0,
        i64: 0,
        f64: 0.0,
        text: slf_str::new(wish),
        list: ptr::null(),
        list_len: 0,
    };
    let config = slf_solver_config {
        struct_size: size_of::<slf_solver_config>() as u32,
        reserved: 0,
        rtol: 1e-6,
        atol: &1e-6,
        h_init: 0.0,
        h_min: 0.0,
        h_max: 0.0,
        options: &option,
        n_options: 1,
    };
    let mut raw = ptr::null_mut();
    // SAFETY: everything lives during the call, the problem as long as the instance.
    let status =
        unsafe { table.create.unwrap()(slf_str::new(id), &*problem, &config, &mut raw, err) };
    if status == SLF_OK { Ok(Instance { table, raw, _problem: problem }) } else { Err(status) }
}

impl Instance {
    fn start(&self, t0: f64, err: &mut slf_error) -> slf_status {
        // SAFETY: a living instance for one state.
        unsafe { self.table.start.unwrap()(self.raw, t0, 10.0, (&raw const ONE).cast(), err) }
    }

    fn step(&self, limit: f64, err: &mut slf_error) -> (slf_status, slf_step) {
        let mut out = slf_step {
            struct_size: size_of::<slf_step>() as u32,
            flags: 0,
            t_prev: 0.0,
            t: 0.0,
            h_next: 0.0,
            error_norm: 0.0,
            y: ptr::null(),
            n_rejected: 0,
        };
        // SAFETY: a living instance.
        let status = unsafe { self.table.step.unwrap()(self.raw, limit, &mut out, err) };
        (status, out)
    }
}

static ONE: f64 = 1.0;

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: given back once.
        unsafe { self.table.destroy.unwrap()(self.raw) }
    }
}

#[test]
fn a_step_comes_through() {
    let mut err = buffer();
    let solver = create("odd", "nothing", &mut err).ok().unwrap();
    assert_eq!(solver.start(0.0, &mut err), SLF_OK);
    let (status, step) = solver.step(3.0, &mut err);
    assert_eq!(
        (status, step.flags, step.t, step.error_norm),
        (SLF_OK, SLF_STEP_AT_LIMIT, 3.0, 0.5)
    );
    // SAFETY: the state is valid until the next call.
    assert_eq!(unsafe { *step.y.cast::<f64>() }, 7.0);
    // Statuses of the host's callbacks pass through unchanged.
    assert_eq!(solver.step(6.0, &mut err).0, SLF_OK);
    assert_eq!(solver.step(9.0, &mut err).0, SLF_ERR_CANCELLED);
    assert_eq!(solver.step(f64::NAN, &mut err).0, SLF_ERR_ARGUMENT);
    assert_eq!(text(&err), "the time limit is not finite");
}

#[test]
fn a_panic_becomes_a_status_and_kills_the_instance() {
    let mut err = buffer();
    let solver = create("odd", "panic", &mut err).ok().unwrap();
    assert_eq!(solver.start(0.0, &mut err), SLF_OK);
    assert_eq!(solver.step(1.0, &mut err).0, SLF_ERR_PANIC);
    assert_eq!(text(&err), "the plugin panicked: wished for");
    assert_eq!(solver.start(0.0, &mut err), SLF_ERR_PANIC);
    assert_eq!(text(&err), "this solver instance is dead after a panic");
}

#[test]
fn a_state_that_is_not_finite_is_refused() {
    let mut err = buffer();
    let solver = create("odd", "nan", &mut err).ok().unwrap();
    assert_eq!(solver.start(0.0, &mut err), SLF_OK);
    assert_eq!(solver.step(1.0, &mut err).0, SLF_ERR_NON_FINITE);
}

/// Text is cut where the host's buffer ends, at a whole character, and nothing beyond is touched.
#[test]
fn messages_fit_the_buffer() {
    for room in [0usize, 1, 4, 5, 1008] {
        let mut err = buffer();
        let solver = create("odd", "ünïcödé", &mut err).ok().unwrap();
        assert_eq!(solver.start(0.0, &mut err), SLF_OK);
        err.struct_size = (offset_of!(slf_error, message) + room) as u32;
        assert_eq!(solver.step(1.0, &mut err).0, SLF_ERR_INTERNAL);
        assert_eq!(text(&err), "ä".repeat(room / 2));
        assert!(err.message[room..].iter().all(|b| *b == b'.'));
    }
    // A buffer too short for any message, and none at all.
    let mut err = buffer();
    err.struct_size = 4;
    assert_eq!(create("nobody", "nothing", &mut err).err(), Some(SLF_ERR_ARGUMENT));
    assert_eq!(err.message_len, 0);
}

#[test]
fn wrong_requests_are_answered() {
    let mut err = buffer();
    assert_eq!(create("heun", "nothing", &mut err).err(), Some(SLF_ERR_ARGUMENT));
    assert_eq!(text(&err), "there is no solver `heun` here, only odd");
    assert_eq!(create("odd", "party", &mut err).err(), Some(SLF_ERR_ARGUMENT));
    assert_eq!(text(&err), "`wish` must be one of nothing, panic, nan, ünïcödé, not party");
    let float32 = slf_problem { dtype: 1, ..problem() };
    let refused = create_for(float32, "odd", "nothing", &mut err).err();
    assert_eq!(refused, Some(SLF_ERR_UNSUPPORTED));
    let old = slf_problem { struct_size: 40, ..problem() };
    let refused = create_for(old, "odd", "nothing", &mut err).err();
    assert_eq!(refused, Some(SLF_ERR_UNSUPPORTED));
    let with_mass = slf_problem { mass: Some(mass), ..problem() };
    let refused = create_for(with_mass, "odd", "nothing", &mut err).err();
    assert_eq!(refused, Some(SLF_ERR_UNSUPPORTED));
    assert_eq!(text(&err), "`odd` takes no mass matrix");

    // SAFETY: functions of the plugin with arguments that the interface allows.
    unsafe {
        let root = plugin();
        assert!(root.get_factory.unwrap()(slf_str::new("slopefield.solver-factory/12")).is_null());
        assert!(root.get_factory.unwrap()(slf_str::new(NETWORK_FACTORY)).is_null());
        assert!(factory().info.unwrap()(1).is_null());
        assert_eq!(factory().count.unwrap()(), 1);
        assert!(slopefield_plugin_v1(ptr::null(), &mut err).is_null());
        let short = slf_host { struct_size: 48, ..host() };
        assert!(slopefield_plugin_v1(&short, &mut err).is_null());
    }
    assert_eq!(text(&err), "the host is too old: its table lacks fields of 1.0");
}

#[test]
fn options_are_described_as_json() {
    // SAFETY: the plugin's own description, which lives for ever.
    let json = unsafe {
        let info = *factory().info.unwrap()(0);
        let json = info.options_json;
        std::slice::from_raw_parts(json.ptr.cast::<u8>(), json.len as usize)
    };
    let json: serde_json::Value = serde_json::from_slice(json).unwrap();
    assert_eq!(
        json,
        serde_json::json!([
            {"name": "wish", "type": "text", "default": "nothing",
             "choices": ["nothing", "panic", "nan", "ünïcödé"], "doc": "What goes wrong."},
            {"name": "gain", "type": "number", "default": 1.5, "min": 0.0, "doc": "A number."},
            {"name": "list", "type": "list", "default": [1.0, 2.5], "doc": "Some numbers."},
        ])
    );
}
