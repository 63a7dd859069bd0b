//! Formulas of any form, by evolution.
//!
//! The search itself is the crate `symbolic_regression`: populations of expressions that mutate,
//! exchange parts and compete with those that are about as long (Cranmer, *Interpretable machine
//! learning for science with PySR and SymbolicRegression.jl*, arXiv 2305.01582). Here it is given scaled
//! samples, run in several searches with seeds of their own, and what it finds is brought into a form
//! without constants that say the same twice.

mod normal;

use crate::Samples;
use crate::expression::{Expression, Function};
use dynamic_expressions::{OpId, OperatorSet, PNode};
use ndarray::{Array1, Array2};
use normal::Part;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use symbolic_regression::prelude::{BuiltinOpsF64, Dataset, Options, SearchEngine};

/// Samples that the search looks at; constants are fitted to all of them afterwards.
const ROWS: usize = 100;
/// Operators and functions of formulas, for one search after the other: what must not be tried leaves more
/// trials for the rest. Most are for rational functions, as most rates in biology and chemistry are.
const OPERATORS: [&[&str]; 5] = [RATIONAL, RATIONAL, POWERS, WAVES, RATIONAL];
const RATIONAL: &[&str] = &["+", "sub", "*", "/"];
const POWERS: &[&str] = &["+", "sub", "*", "/", "pow", "exp", "log"];
const WAVES: &[&str] = &["+", "sub", "*", "/", "exp", "sin", "cos"];
/// Most operands of one.
const OPERANDS: usize = 2;
/// Greatest number of operators, functions, inputs and constants of a formula.
const SIZE: usize = 19;
/// Populations of a search.
const POPULATIONS: usize = 12;

type Found = Vec<Expression>;

/// How long is searched, and with what random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evolution {
    /// Seed. The same seed and samples give the same formulas, on any number of cores.
    pub seed: u64,
    /// Searches with seeds of their own, which share the cores.
    pub searches: usize,
    /// Rounds that each population of a search goes through.
    pub rounds: usize,
}

impl Default for Evolution {
    fn default() -> Self {
        Evolution { seed: 1, searches: 5, rounds: 100 }
    }
}

/// Expressions for samples, of every length the best of every search. `watch` is told the share that is
/// done, and ends the search when it says false; what was found by then is returned.
pub(crate) fn evolve(
    samples: Samples<'_>,
    evolution: Evolution,
    watch: &(dyn Fn(f64) -> bool + Sync),
) -> Found {
    let inputs = samples.inputs.first().map_or(0, |row| row.len());
    let spread = samples.spread();
    let searches = evolution.searches.max(1);
    if inputs == 0 || inputs > usize::from(u16::MAX) || evolution.rounds == 0 {
        return Vec::new();
    }
    let scales: Vec<f64> = (0..inputs).map(|i| scale(samples, i)).collect();
    let step = samples.len().div_ceil(ROWS).max(1);
    let rows: Vec<usize> = (0..samples.len()).step_by(step).collect();
    let x = Array2::from_shape_fn((inputs, rows.len()), |(i, k)| {
        samples.inputs[rows[k]][i] * scales[i]
    });
    let y = Array1::from_shape_fn(rows.len(), |k| samples.values[rows[k]] / spread);
    let total = searches * evolution.rounds * POPULATIONS;
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let going = || watch(done.load(Ordering::Relaxed) as f64 / total as f64);
    let found: Vec<Mutex<Found>> = (0..searches).map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let search = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = found.get(search) else { return };
            let seed = evolution.seed.wrapping_mul(searches as u64).wrapping_add(search as u64);
            let Some(options) = options(search, seed, evolution.rounds) else { return };
            let mut engine = SearchEngine::<f64, BuiltinOpsF64, OPERANDS>::new(
                Dataset::new(x.clone(), y.clone()),
                options,
            );
            // One population at a time: with several at once the order in which they end would count.
            while going() && !engine.is_finished() && engine.step(1) > 0 {
                done.fetch_add(1, Ordering::Relaxed);
            }
            let best = engine.hall_of_fame().pareto_front();
            let normal = best.iter().filter_map(|member| {
                let expression = &member.expr;
                normal(&expression.nodes, &expression.consts, &scales, spread)
            });
            let normal = normal.collect();
            *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = normal;
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 1..cores.min(searches) {
            scope.spawn(work);
        }
        work();
    });
    let inner = |m: Mutex<Found>| m.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.into_iter().flat_map(inner).collect()
}

/// A power of ten that brings an input to a size of about one; 1 where it has such a size, so that
/// inputs of the same size stay comparable.
fn scale(samples: Samples<'_>, input: usize) -> f64 {
    let size = samples.inputs.iter().map(|row| row[input].abs()).fold(0.0, f64::max);
    match size {
        0.1..100.0 => 1.0,
        size if size > 0.0 => 10f64.powi(-(size.log10().floor() as i32)),
        _ => 1.0,
    }
}

fn options(search: usize, seed: u64, rounds: usize) -> Option<Options<f64, OPERANDS>> {
    let operators = BuiltinOpsF64::from_names(OPERATORS[search % OPERATORS.len()]).ok()?;
    let mut options = Options::<f64, OPERANDS> {
        operators,
        seed,
        niterations: rounds,
        populations: POPULATIONS,
        maxsize: SIZE,
        maxdepth: 8,
        deterministic: true,
        progress: false,
        ..Options::default()
    };
    let id = |name: &str| BuiltinOpsF64::lookup(name).ok();
    let power = id("pow")?;
    // Exponents are single constants or inputs, and functions do not stand inside each other.
    options.op_constraints.set_op_arg_constraint(power, 1, 1);
    let functions = ["exp", "log", "sin", "cos"].map(id);
    for outer in functions.into_iter().chain([Some(power)]) {
        for inner in functions {
            options.nested_constraints.add_nested_constraint(outer?, inner?, 0);
        }
        options.nested_constraints.add_nested_constraint(outer?, power, 0);
    }
    Some(options)
}

/// The expression of what the search has found, for samples as they are.
fn normal(nodes: &[PNode], constants: &[f64], scales: &[f64], spread: f64) -> Option<Expression> {
    let mut parts: Vec<Part> = Vec::new();
    for node in nodes {
        let part = match *node {
            PNode::Var { feature } => {
                let i = usize::from(feature);
                Part::input(i, *scales.get(i)?)
            }
            PNode::Const { idx } => Part::constant(*constants.get(usize::from(idx))?),
            PNode::Op { arity, op } => {
                let id = OpId { arity, id: op };
                let b = parts.pop()?;
                match BuiltinOpsF64::name(id) {
                    "exp" => b.call(Function::Exp),
                    "log" => b.call(Function::Ln),
                    "sin" => b.call(Function::Sin),
                    "cos" => b.call(Function::Cos),
                    "add" => parts.pop()?.sum(b),
                    "sub" => parts.pop()?.difference(b),
                    "mul" => parts.pop()?.product(b),
                    "div" => parts.pop()?.quotient(b),
                    "pow" => parts.pop()?.power(b),
                    _ => return None,
                }
            }
        };
        parts.push(part);
    }
    parts.pop()?.product(Part::constant(spread)).expression()
}

#[cfg(test)]
mod tests;
