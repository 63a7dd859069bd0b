//! What the tests of gradients through compiled models share.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_graph::BuiltinNetworks;
use slopefield_solve::{Ivp, Settings, drive};
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, CompiledModel};

pub fn model(text: &str) -> CompiledModel {
    CompiledModel::new(text, &BuiltinNetworks).unwrap()
}

/// One of the models in `examples/models`.
pub fn example(name: &str) -> CompiledModel {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/models/");
    model(&std::fs::read_to_string(format!("{folder}{name}.slope")).unwrap())
}

/// The derivative at 0 by differences of order four.
pub fn difference(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

/// A model with its own start values and the sum of states at some times as the loss.
pub struct Case<'a> {
    model: &'a CompiledModel,
    saves: &'a [f64],
    p: Vec<f64>,
    u0: Vec<f64>,
    t0: f64,
    state: Option<usize>,
}

impl<'a> Case<'a> {
    pub fn new(model: &'a CompiledModel, saves: &'a [f64]) -> Self {
        let t0 = model.model.time.start;
        let p = model.start_params(1);
        let u0 = model.initial_state(t0, &p, &[]);
        Case { model, saves, p, u0, t0, state: None }
    }

    /// The sum of this state alone.
    pub fn only_state(self, state: usize) -> Self {
        Case { state: Some(state), ..self }
    }

    fn weight(&self, index: usize) -> f64 {
        let state = index % self.u0.len();
        if self.state.is_none_or(|only| only == state) { 1.0 } else { 0.0 }
    }

    fn ivp<'s>(&'s self, p: &'s [f64]) -> Ivp<'s> {
        let t1 = *self.saves.last().unwrap();
        Ivp { rhs: &*self.model.rhs, t0: self.t0, t1, u0: &self.u0, p }
    }

    /// The gradient by initial states and by parameters.
    pub fn gradient(&self, method: &str, solver: &str, tolerance: f64) -> (Vec<f64>, Vec<f64>) {
        let (model, solvers) = (self.model, &BuiltinSolvers);
        let found = Route { model, solver, solvers, memory: 1 << 28 }.method(method);
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let (mut by_u0, mut by_p) = (vec![0.0; self.u0.len()], vec![0.0; self.p.len()]);
        let mut loss = |states: &[f64], by_state: &mut [f64]| {
            by_state.iter_mut().enumerate().for_each(|(i, w)| *w = self.weight(i));
            states.iter().enumerate().map(|(i, x)| self.weight(i) * x).sum()
        };
        let ivp = self.ivp(&self.p);
        found
            .unwrap()
            .evaluate(&ivp, &settings, self.saves, &mut loss, &mut by_u0, &mut by_p)
            .unwrap();
        (by_u0, by_p)
    }

    /// The derivatives by parameters by differences of solves, with increments relative to them.
    pub fn differences(&self, solver: &str, tolerance: f64, increment: f64) -> Vec<f64> {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let solve = |p: &[f64]| -> f64 {
            let stepper = slopefield_study::solvers::stepper(self.model, solver, &BuiltinSolvers);
            let mut states = vec![0.0; self.saves.len() * self.u0.len()];
            let ivp = self.ivp(p);
            drive(&mut *stepper.unwrap(), &ivp, &settings, self.saves, &mut states, None).unwrap();
            states.iter().enumerate().map(|(i, x)| self.weight(i) * x).sum()
        };
        let by = |i: usize| {
            let moved = |h: f64| {
                let mut p = self.p.clone();
                p[i] += h;
                solve(&p)
            };
            difference(moved, increment * self.p[i])
        };
        (0..self.p.len()).map(by).collect()
    }
}
