//! Tests of solvers.
//!
//! Those of numbers ([`numbers`], [`stiff`]) see the solver as the application's loop does, and
//! serve methods given by coefficients too. The others see it through the C interface alone.

mod cancel;
mod extensions;
mod faults;
mod interface;
mod memory;
mod numbers;
mod options;
mod problems;
mod repeat;
mod segments;
mod stiff;

pub(crate) use cancel::cancel;
pub(crate) use extensions::{
    algebraic, delays, noise, older_host, state_delays, step_gradient, step_redo,
};
pub(crate) use faults::{failing_callback, non_finite, undefined};
pub(crate) use interface::{
    borrowed, closed_callbacks, dense_ends, limits, mass_matrix, short_interval, sizes,
    step_record, unknown_id,
};
pub(crate) use memory::{guard_pages, step_memory};
pub(crate) use numbers::{backward, dense_order, order, tolerance};
pub(crate) use options::{
    default as default_value, description, doubt, options, refused as refused_values,
    trouble as option_trouble,
};
pub(crate) use repeat::{determinism, float_mode, growth, instances, restart, reuse, threads};
pub(crate) use segments::segments;
pub(crate) use stiff::stiff;

use crate::context::Context;
use crate::raw::{Config, Instance, Model, Record, Solvers};
use problems::Setup;
use slopefield_plugin_abi as abi;

/// Most steps of one run.
const MAX_STEPS: usize = 2_000_000;
/// Steps that a solver without step control is asked to take.
const FIXED_STEPS: f64 = 200.0;

/// A solver through its interface, and how to run it.
pub(crate) struct Tried {
    solvers: Solvers,
    id: String,
    caps: u32,
    /// Options that set the length of a step, by that length.
    step_option: Option<String>,
}

impl Tried {
    fn new(cx: &Context) -> Result<Tried, String> {
        Tried::of(cx, &cx.subject)
    }

    fn of(cx: &Context, id: &str) -> Result<Tried, String> {
        let solvers = cx.raw_solvers()?;
        let caps = solvers.caps(id)?;
        let adaptive = caps & abi::SLF_CAP_ADAPTIVE != 0;
        let step_option = if adaptive { None } else { numbers::step_option(cx, id)? };
        Ok(Tried { solvers, id: id.to_owned(), caps, step_option })
    }

    fn can(&self, cap: u32) -> bool {
        self.caps & cap != 0
    }

    /// Settings for a run over a span: tolerances of 1e-6 and 1e-8, or steps of 1/200 of it where
    /// the solver does not choose them.
    fn config(&self, span: f64) -> Config {
        if self.can(abi::SLF_CAP_ADAPTIVE) {
            return Config::default();
        }
        self.config_with_step((span / FIXED_STEPS).abs())
    }

    fn config_with_step(&self, h: f64) -> Config {
        use slopefield_lang::OptionValue;
        let options = self.step_option.iter();
        let options = options.map(|name| (name.clone(), OptionValue::Number(h))).collect();
        Config { h_init: h, h_max: h, options, ..Config::default() }
    }

    fn create(&self, model: Model, config: &Config) -> Result<Instance, String> {
        let made = self.solvers.create(&self.id, model, config);
        made.map_err(|e| format!("it makes no instance: {e}"))
    }

    /// An instance for a problem over its span, with usual settings.
    fn instance(&self, problem: &Setup) -> Result<Instance, String> {
        self.create(problem.model(), &self.config(problem.t1 - problem.t0))
    }

    /// A whole run on a new instance.
    fn run(&self, problem: &Setup) -> Result<Vec<Record>, String> {
        run_on(&mut self.instance(problem)?, problem)
    }
}

/// An instance of a solver, ready to go from 0 to 0.5.
pub(crate) fn simple(cx: &Context, id: &str) -> Result<Instance, String> {
    let tried = Tried::of(cx, id)?;
    let problem = problems::lotka_volterra();
    let mut instance = tried.instance(&problem)?;
    start(&mut instance, &problem)?;
    Ok(instance)
}

fn start(instance: &mut Instance, problem: &Setup) -> Result<(), String> {
    let outcome = instance.start(problem.t0, problem.t1, &problem.u0);
    outcome.map_err(|e| format!("start failed: {e}"))
}

/// A whole run on an instance, from its start.
fn run_on(instance: &mut Instance, problem: &Setup) -> Result<Vec<Record>, String> {
    start(instance, problem)?;
    march(instance, problem.t0, problem.t1)
}

/// Steps from `t0`, where the instance is, to `t1`.
pub(crate) fn march(instance: &mut Instance, t0: f64, t1: f64) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    let mut t = t0;
    while t != t1 {
        let record = step(instance, t, t1)?;
        t = record.t;
        records.push(record);
        if records.len() > MAX_STEPS {
            return Err(format!("it took {MAX_STEPS} steps from {t0} and is at {t}"));
        }
    }
    Ok(records)
}

/// One step, in order as far as time and state go.
fn step(instance: &mut Instance, t: f64, limit: f64) -> Result<Record, String> {
    let record = instance.step(limit).map_err(|e| format!("the step from t = {t} failed: {e}"))?;
    in_order(&record, t, limit)?;
    Ok(record)
}

fn in_order(record: &Record, t: f64, limit: f64) -> Result<(), String> {
    let forwards = limit > t;
    if record.t_prev != t {
        return Err(format!("its step begins at {} and the last one ended at {t}", record.t_prev));
    }
    let moved = record.t != t && (record.t > t) == forwards;
    if !record.t.is_finite() || !moved {
        return Err(format!("it stepped from {t} to {}, which is not towards {limit}", record.t));
    }
    if record.t != limit && (record.t > limit) == forwards {
        return Err(format!("it stepped to {}, past the limit {limit}", record.t));
    }
    match record.y.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(format!("it accepted a state whose element {i} is {}", record.y[i])),
        None => Ok(()),
    }
}

/// How two runs differ, in a sentence; nothing when they have the same bits.
fn difference(a: &[Record], b: &[Record]) -> Option<String> {
    let bits = |r: &Record| -> Vec<u64> {
        std::iter::once(r.t).chain(r.y.iter().copied()).map(f64::to_bits).collect()
    };
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        if bits(x) != bits(y) {
            return Some(format!(
                "step {} ends at t = {} with {:?} and at t = {} with {:?}",
                i + 1,
                x.t,
                x.y,
                y.t,
                y.y
            ));
        }
    }
    (a.len() != b.len()).then(|| format!("one takes {} steps and the other {}", a.len(), b.len()))
}
