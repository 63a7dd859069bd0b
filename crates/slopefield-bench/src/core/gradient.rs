//! Losses with their gradients, through the exact reverse of the accepted steps.

use super::solve::{LV_INPUT, Problem, grid};
use super::{InC, at_most, compiled, texts};
use crate::comparator::native::Whole;
use crate::{BenchError, Case, Check, Reference, Saved, Subject, Trial, stored};
use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_solve::Settings;
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_study::CompiledModel;

/// B2 of the peers.
pub(crate) fn lotka_volterra() -> Case {
    Case {
        name: "lv-gradient".into(),
        about: "loss over the 101 points and its gradient by 4 parameters and 2 initial values; \
                hand-written discrete adjoint"
            .into(),
        target: at_most(1.2),
        saved: Saved {
            bench: "B2",
            case: "Tsit5 discrete adjoint, compiled model".into(),
            metric: "time per loss+gradient (6 unknowns)",
        },
        prepare: Box::new(|setting| {
            let (model, compile_s) = compiled(texts::LOTKA_VOLTERRA, setting)?;
            let stored = stored::lotka_volterra();
            let input = [&LV_INPUT, stored.get("data")].concat();
            let whole = Whole::open(setting.comparators, "lv_gradient", &input, 0)?;
            let problem = Problem::lotka_volterra(model.rhs);
            let data = stored.get("data").to_vec();
            Ok(Trial {
                ours: Box::new(Gradient::new(problem, data, true)),
                comparator: InC::boxed(whole),
                check: Check {
                    agreement: 1e-4,
                    reference: Some(Reference::relative(1, stored.get("gradient"), 1e-4)),
                },
                work: 1,
                compile_s,
            })
        }),
    }
}

/// B3 of the peers.
pub(crate) fn spiral() -> Case {
    Case {
        name: "spiral-gradient".into(),
        about: "neural differential equation 2-50-2, 30 points, Tsit5 at 1e-7, gradient by 252 \
                weights; hand-written discrete adjoint"
            .into(),
        target: at_most(1.3),
        saved: Saved {
            bench: "B3",
            case: "step f64: Tsit5 discrete adjoint, compiled model".into(),
            metric: "time per loss+gradient",
        },
        prepare: Box::new(|setting| {
            let (model, compile_s) = compiled(texts::SPIRAL, setting)?;
            let stored = stored::spiral();
            let (weights, data) = (stored.get("weights"), stored.get("data"));
            let u0 = [2.0, 0.0];
            let input = [weights, &u0, data].concat();
            let whole = Whole::open(setting.comparators, "spiral_gradient", &input, 0)?;
            let (problem, data) = spiral_problem(&model);
            Ok(Trial {
                ours: Box::new(Gradient::new(problem, data, false)),
                comparator: InC::boxed(whole),
                check: Check {
                    agreement: 1e-3,
                    reference: Some(Reference::relative(1, stored.get("gradient"), 1e-3)),
                },
                work: 1,
                compile_s,
            })
        }),
    }
}

/// The spiral's problem with its data.
pub(crate) fn spiral_problem(model: &CompiledModel) -> (Problem, Vec<f64>) {
    let stored = stored::spiral();
    let problem = Problem {
        rhs: model.rhs.clone(),
        t1: 1.5,
        u0: vec![2.0, 0.0],
        p: stored.get("weights").to_vec(),
        settings: Settings::with_tolerances(1e-7, 1e-9),
        saves: grid(0.0, 1.5, 30),
    };
    (problem, stored.get("data").to_vec())
}

/// Sum of squares over the save points and its gradient, by parameters and, if wanted, by the
/// initial state.
pub(crate) struct Gradient {
    problem: Problem,
    data: Vec<f64>,
    method: DiscreteAdjoint,
    with_initial: bool,
    loss: f64,
    by_initial: Vec<f64>,
    by_param: Vec<f64>,
    evaluations: u64,
}

impl Gradient {
    pub(crate) fn new(problem: Problem, data: Vec<f64>, with_initial: bool) -> Gradient {
        Gradient {
            method: DiscreteAdjoint::new(&TSIT5),
            by_initial: vec![0.0; problem.u0.len()],
            by_param: vec![0.0; problem.p.len()],
            loss: 0.0,
            evaluations: 0,
            problem,
            data,
            with_initial,
        }
    }
}

impl Subject for Gradient {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let data = &self.data;
        let mut loss = |states: &[f64], by_state: &mut [f64]| {
            let mut sum = 0.0;
            for ((w, x), y) in by_state.iter_mut().zip(states).zip(data) {
                let e = x - y;
                sum += e * e;
                *w = 2.0 * e;
            }
            sum
        };
        for _ in 0..calls {
            let evaluated = self.method.evaluate(
                &self.problem.ivp(),
                &self.problem.settings,
                &self.problem.saves,
                &mut loss,
                &mut self.by_initial,
                &mut self.by_param,
            )?;
            self.loss = evaluated.loss;
            self.evaluations = evaluated.forward.rhs;
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        let by_initial = if self.with_initial { &self.by_initial[..] } else { &[] };
        Ok([&[self.loss], &self.by_param[..], by_initial].concat())
    }

    fn evaluations(&self) -> Option<u64> {
        Some(self.evaluations)
    }
}
