//! A plugin inside this program, written with the kit for authors. What crosses the interface is what
//! crosses it with a library.

#![allow(unsafe_code, reason = "the plugin interface is a C interface")]

use crate::BenchError;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_plugin_host::{PluginSolver, linked_solver};
use slopefield_plugin_sdk::export::{Definition, Shared, SolverEntry, abi, entry};
use slopefield_plugin_sdk::prelude::*;
use slopefield_solve::runge_kutta::{TSIT5, copy_few};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, SolveError, Stepper};
use std::cell::RefCell;

/// A solver of the plugin: `tsit5`, or `evaluations`.
pub(super) fn solver(id: &str) -> Result<PluginSolver, BenchError> {
    // The kit makes panics of a plugin lines of the host's log. This plugin shares the standard
    // library of the program, whose panics are to stay what they are.
    let hook = std::panic::take_hook();
    // SAFETY: the kit keeps to the interface.
    let solver = unsafe { linked_solver(enter, id) };
    std::panic::set_hook(hook);
    Ok(solver?)
}

unsafe extern "C" fn enter(
    host: *const abi::slf_host,
    err: *mut abi::slf_error,
) -> *const abi::slf_plugin {
    // SAFETY: both pointers are what the host passed.
    unsafe { entry::<Plugin>(host, err) }
}

struct Plugin;

impl Definition for Plugin {
    const ID: &'static str = "org.slopefield.bench";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    fn solvers() -> &'static [SolverEntry] {
        static ENTRIES: [SolverEntry; 2] =
            [SolverEntry::of::<Tsit5>(), SolverEntry::of::<Evaluations>()];
        &ENTRIES
    }
    fn networks() -> &'static [slopefield_plugin_sdk::export::NetworkEntry] {
        &[]
    }
    fn shared() -> &'static Shared {
        static SHARED: Shared = Shared::new();
        &SHARED
    }
}

/// The built-in Tsit5 behind the interface: the same steps, to the bit.
struct Tsit5 {
    /// Its interpolation writes to what it keeps.
    stepper: RefCell<ExplicitRungeKutta>,
    settings: Settings,
    t0: f64,
    t_end: f64,
    /// Where the last step ended.
    t: f64,
    y: Vec<f64>,
}

/// The problem of the host as a right-hand side.
struct Through<'a, 'p>(&'a Problem<'p>);

// SAFETY: made inside a call of the host, lent to a stepper that starts no threads, and gone before
// that call returns: nothing of it is reached from another thread.
unsafe impl Send for Through<'_, '_> {}
// SAFETY: as above.
unsafe impl Sync for Through<'_, '_> {}

impl Kernel for Through<'_, '_> {
    fn shape(&self) -> Shape {
        Shape { states: self.0.len(), params: 0, outputs: self.0.len() }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        // Whatever the reason, the host remembers it and says so.
        if self.0.rhs(t, u, out).is_err() {
            out.fill(f64::NAN);
        }
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, out: &mut [f64], dout: &mut [f64], _: &mut [f64]) {
        out.fill(f64::NAN);
        dout.fill(f64::NAN);
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        grad.u.fill(f64::NAN);
    }
}

fn error(error: SolveError) -> Error {
    Error::internal(error.to_string())
}

impl Solver for Tsit5 {
    const INFO: SolverInfo = SolverInfo::new("tsit5", "Tsit5", 5.0)
        .dense_order(4.0)
        .caps(Caps::ADAPTIVE.and(Caps::BACKWARD).and(Caps::DETERMINISTIC));
    type Options = NoOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, NoOptions>) -> Result<Self, Error> {
        Ok(Tsit5 {
            stepper: RefCell::new(ExplicitRungeKutta::new(&TSIT5)),
            settings: Settings {
                rtol: config.rtol,
                atol: config.atol.to_vec(),
                h_init: config.h_init,
                h_min: config.h_min,
                h_max: config.h_max,
                ..Settings::default()
            },
            t0: 0.0,
            t_end: 0.0,
            t: 0.0,
            y: vec![0.0; problem.len()],
        })
    }

    fn start(
        &mut self,
        problem: &Problem<'_>,
        t0: f64,
        t_end: f64,
        y0: &[f64],
    ) -> Result<(), Error> {
        let rhs = Through(problem);
        let ivp = Ivp { rhs: &rhs, t0, t1: t_end, u0: y0, p: &[] };
        self.stepper.get_mut().start(&ivp, &self.settings).map_err(error)?;
        (self.t0, self.t_end, self.t) = (t0, t_end, t0);
        self.y.copy_from_slice(y0);
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let rhs = Through(problem);
        let stepper = self.stepper.get_mut();
        let ivp = Ivp { rhs: &rhs, t0: self.t0, t1: self.t_end, u0: &self.y, p: &[] };
        let taken = stepper.step(&ivp, &self.settings, t_limit);
        // Read where it was written: a copy as a block would wait for its parts to be stored.
        let step = match &taken {
            Ok(step) => step,
            Err(failure) => return Err(Error::internal(failure.to_string())),
        };
        copy_few(&mut self.y, stepper.state());
        Ok(Step {
            t_prev: std::mem::replace(&mut self.t, step.t),
            t: step.t,
            h_next: 0.0,
            error_norm: f64::NAN,
            rejected: step.rejected,
        })
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn interpolate(&self, t: f64, derivative: u32, out: &mut [f64]) -> Result<(), Error> {
        if derivative > 0 {
            return Err(Error::unsupported("only values can be interpolated"));
        }
        self.stepper.borrow_mut().interpolate(t, out).map_err(error)
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.start(problem, t, self.t_end, y)
    }
}

/// Nothing but evaluations, one for each unit of time, each from the result of the one before. The
/// state of a step is the last derivative.
struct Evaluations {
    t: f64,
    start: Vec<f64>,
    point: Vec<f64>,
    slope: Vec<f64>,
}

impl Solver for Evaluations {
    const INFO: SolverInfo = SolverInfo::new("evaluations", "Evaluations", 1.0).dense_order(1.0);
    type Options = NoOptions;

    fn create(problem: &Problem<'_>, _: &Config<'_, NoOptions>) -> Result<Self, Error> {
        let zero = vec![0.0; problem.len()];
        Ok(Evaluations { t: 0.0, start: zero.clone(), point: zero.clone(), slope: zero })
    }

    fn start(&mut self, _: &Problem<'_>, t0: f64, _: f64, y0: &[f64]) -> Result<(), Error> {
        self.t = t0;
        self.start.copy_from_slice(y0);
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let calls = (t_limit - self.t) as usize;
        self.point.copy_from_slice(&self.start);
        for _ in 0..calls {
            problem.rhs(self.t, &self.point, &mut self.slope)?;
            super::follow(&self.start, &self.slope, &mut self.point);
        }
        let t_prev = std::mem::replace(&mut self.t, t_limit);
        Ok(Step { t_prev, t: t_limit, h_next: 0.0, error_norm: f64::NAN, rejected: 0 })
    }

    fn state(&self) -> &[f64] {
        &self.slope
    }

    fn interpolate(&self, _: f64, _: u32, _: &mut [f64]) -> Result<(), Error> {
        Err(Error::unsupported("there is nothing between evaluations"))
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.start(problem, t, t, y)
    }
}
