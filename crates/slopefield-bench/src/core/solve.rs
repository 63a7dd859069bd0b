//! Whole solves.

use super::{InC, at_most, compiled, texts};
use crate::comparator::native::Whole;
use crate::{BenchError, Case, Check, Reference, Saved, Subject, Trial, stored};
use slopefield_kernel::Kernel;
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, drive};
use std::sync::Arc;

/// Parameters and initial state of Lotka–Volterra.
pub(crate) const LV_INPUT: [f64; 6] = [1.5, 1.0, 3.0, 1.0, 1.0, 1.0];

/// B1 of the peers.
pub(crate) fn lotka_volterra() -> Case {
    Case {
        name: "lv-solve".into(),
        about: "Lotka-Volterra, t 0..10, Tsit5 at 1e-6, 101 save points; hand-written Tsit5".into(),
        target: at_most(1.1),
        saved: Saved {
            bench: "B1",
            case: "Tsit5, compiled model".into(),
            metric: "time per solve",
        },
        prepare: Box::new(|setting| {
            let (model, compile_s) = compiled(texts::LOTKA_VOLTERRA, setting)?;
            let problem = Problem::lotka_volterra(model.rhs);
            let whole = Whole::open(setting.comparators, "lv_solve", &LV_INPUT, 0)?;
            let states = stored::lotka_volterra();
            let mut reference = Reference::relative(0, states.get("states"), 1e-3);
            reference.scale = 1.0; // absolute, as the peers count it
            Ok(Trial {
                ours: Box::new(Solve::new(problem)),
                comparator: InC::boxed(whole),
                // Both at a tolerance of 1e-6, with errors below 1e-4.
                check: Check { agreement: 1e-4, reference: Some(reference) },
                work: 1,
                compile_s,
            })
        }),
    }
}

/// An initial value problem that owns its parts.
pub(crate) struct Problem {
    pub rhs: Arc<dyn Kernel>,
    pub t1: f64,
    pub u0: Vec<f64>,
    pub p: Vec<f64>,
    pub settings: Settings,
    pub saves: Vec<f64>,
}

impl Problem {
    pub(crate) fn lotka_volterra(rhs: Arc<dyn Kernel>) -> Problem {
        let (p, u0) = LV_INPUT.split_at(4);
        Problem {
            rhs,
            t1: 10.0,
            u0: u0.to_vec(),
            p: p.to_vec(),
            settings: Settings::with_tolerances(1e-6, 1e-6),
            saves: grid(0.0, 10.0, 101),
        }
    }

    pub(crate) fn ivp(&self) -> Ivp<'_> {
        Ivp { rhs: &*self.rhs, t0: 0.0, t1: self.t1, u0: &self.u0, p: &self.p }
    }
}

/// `n` equally spaced times.
pub(crate) fn grid(t0: f64, t1: f64, n: usize) -> Vec<f64> {
    let last = n - 1;
    let time = |i| if i == last { t1 } else { t0 + (t1 - t0) * i as f64 / last as f64 };
    (0..n).map(time).collect()
}

/// Solves with Tsit5, again and again with the same stepper, as training does.
pub(crate) struct Solve {
    problem: Problem,
    stepper: ExplicitRungeKutta,
    states: Vec<f64>,
    evaluations: u64,
}

impl Solve {
    pub(crate) fn new(problem: Problem) -> Solve {
        let states = vec![0.0; problem.saves.len() * problem.u0.len()];
        Solve { problem, stepper: ExplicitRungeKutta::new(&TSIT5), states, evaluations: 0 }
    }
}

impl Subject for Solve {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let Solve { problem, stepper, states, evaluations } = self;
        for _ in 0..calls {
            let (ivp, saves) = (problem.ivp(), &problem.saves);
            *evaluations = drive(stepper, &ivp, &problem.settings, saves, states, None)?.rhs;
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        Ok(self.states.clone())
    }

    fn evaluations(&self) -> Option<u64> {
        Some(self.evaluations)
    }
}
