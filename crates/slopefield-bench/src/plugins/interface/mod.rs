//! What the interface itself costs: the same method with the same steps, built in and behind the
//! interface, and one evaluation of the right-hand side both ways.
//!
//! The built-in method takes its steps one evaluation at a time here, as the interface does: both
//! call the model through [`ByEvaluation`]. What whole compiled steps save, which no plugin can
//! have, is the case `interface-solve-whole`.

mod linked;

use crate::buffer::Buffer;
use crate::core::gradient::spiral_problem;
use crate::core::solve::{LV_INPUT, Problem};
use crate::core::{compiled, own, texts};
use crate::suite::{Case, Check, Reference, Setting, Target, Trial};
use crate::{BenchError, Subject, stored};
use slopefield_kernel::{CheckedEval, Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_plugin_host::PluginSolver;
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, Stepper, drive};
use std::sync::Arc;

/// See the module.
pub(super) fn cases() -> Vec<Case> {
    let solve = |name: &str, about: &str, target, prepare: fn(&Setting<'_>) -> _| Case {
        name: name.into(),
        about: about.into(),
        target,
        saved: own(&format!("plugins: {name}"), "time per solve"),
        prepare: Box::new(prepare),
    };
    vec![
        Case {
            name: "interface-rhs".into(),
            about: "Lotka-Volterra, right-hand side called by a plugin; called directly".into(),
            target: Some(Target::Seconds(20e-9)),
            saved: own("plugins: interface-rhs", "time per right-hand side"),
            prepare: Box::new(evaluations),
        },
        solve(
            "interface-solve",
            "Lotka-Volterra, t 0..10, Tsit5 at 1e-6 behind the interface; built in",
            Some(Target::Ratio(1.03)),
            |setting| lotka_volterra(setting, false),
        ),
        solve(
            "interface-solve-whole",
            "the same; built in, with whole compiled steps, which no plugin can have",
            None,
            |setting| lotka_volterra(setting, true),
        ),
        solve(
            "interface-network",
            "network 2-50-2, t 0..1.5, Tsit5 at 1e-7 behind the interface; built in",
            Some(Target::Ratio(1.03)),
            network,
        ),
    ]
}

fn lotka_volterra(setting: &Setting<'_>, whole: bool) -> Result<Trial, BenchError> {
    let (model, _) = compiled(texts::LOTKA_VOLTERRA, setting)?;
    let states = stored::lotka_volterra();
    let mut reference = Reference::relative(0, states.get("states"), 1e-3);
    reference.scale = 1.0; // absolute, as the peers count it
    let rhs: Arc<dyn Kernel> =
        if whole { model.rhs.clone() } else { Arc::new(ByEvaluation(model.rhs.clone())) };
    solves(Problem::lotka_volterra(model.rhs), rhs, Some(reference))
}

fn network(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, _) = compiled(texts::SPIRAL, setting)?;
    let (problem, _) = spiral_problem(&model);
    solves(problem, Arc::new(ByEvaluation(model.rhs)), None)
}

/// A problem solved behind the interface, and built in with the right-hand side `direct`.
fn solves(
    mut problem: Problem,
    direct: Arc<dyn Kernel>,
    reference: Option<Reference>,
) -> Result<Trial, BenchError> {
    let built_in = Problem {
        rhs: direct,
        t1: problem.t1,
        u0: problem.u0.clone(),
        p: problem.p.clone(),
        settings: problem.settings.clone(),
        saves: problem.saves.clone(),
    };
    problem.rhs = Arc::new(ByEvaluation(problem.rhs));
    Ok(Trial {
        ours: Box::new(Solve::new(problem, linked::solver("tsit5")?)),
        comparator: Some(Box::new(Solve::new(built_in, ExplicitRungeKutta::new(&TSIT5)))),
        check: Check { agreement: 0.0, reference },
        work: 1,
        compile_s: None,
    })
}

fn evaluations(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, _) = compiled(texts::LOTKA_VOLTERRA, setting)?;
    Ok(Trial {
        ours: Box::new(Behind {
            rhs: model.rhs.clone(),
            stepper: linked::solver("evaluations")?,
            settings: Settings::default(),
        }),
        comparator: Some(Box::new(Direct {
            scratch: Buffer::zeros(model.rhs.scratch_len()),
            point: Buffer::zeros(2),
            slope: Buffer::zeros(2),
            rhs: model.rhs,
        })),
        check: Check {
            agreement: 0.0,
            // x' = 1.5 x - x y and y' = x y - 3 y at (1, 1).
            reference: Some(Reference::relative(0, &[0.5, -2.0], 0.0)),
        },
        work: 1,
        compile_s: None,
    })
}

/// Where the next evaluation is: near the start, and not known before the last one has ended.
fn follow(start: &[f64], slope: &[f64], point: &mut [f64]) {
    for ((point, start), slope) in point.iter_mut().zip(start).zip(slope) {
        *point = start + 1e-3 * slope;
    }
}

/// A right-hand side that offers single evaluations and no whole steps.
struct ByEvaluation(Arc<dyn Kernel>);

impl Kernel for ByEvaluation {
    fn shape(&self) -> Shape {
        self.0.shape()
    }
    fn scratch_len(&self) -> usize {
        self.0.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.0.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.0.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.0.vjp(at, w, grad, scratch);
    }
    fn checked_eval(&self) -> Option<CheckedEval> {
        self.0.checked_eval()
    }
}

/// Solves, again and again with the same stepper, as training does.
struct Solve<S> {
    problem: Problem,
    stepper: S,
    states: Vec<f64>,
    evaluations: u64,
}

impl<S> Solve<S> {
    fn new(problem: Problem, stepper: S) -> Solve<S> {
        let states = vec![0.0; problem.saves.len() * problem.u0.len()];
        Solve { problem, stepper, states, evaluations: 0 }
    }
}

impl<S: Stepper> Subject for Solve<S> {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let Solve { problem, stepper, states, evaluations } = self;
        for _ in 0..calls {
            let (ivp, saves) = (problem.ivp(), &problem.saves);
            *evaluations = drive(stepper, &ivp, &problem.settings, saves, states, None)?.rhs;
        }
        Ok(())
    }

    /// The states, and how many evaluations they took: the same steps take the same.
    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        let mut result = self.states.clone();
        result.push(self.evaluations as f64);
        Ok(result)
    }

    fn evaluations(&self) -> Option<u64> {
        Some(self.evaluations)
    }
}

/// Evaluations that a plugin asks for.
struct Behind {
    rhs: Arc<dyn Kernel>,
    stepper: PluginSolver,
    settings: Settings,
}

impl Subject for Behind {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let (p, u0) = LV_INPUT.split_at(4);
        let t1 = calls as f64;
        let ivp = Ivp { rhs: &*self.rhs, t0: 0.0, t1, u0, p };
        self.stepper.start(&ivp, &self.settings)?;
        self.stepper.step(&ivp, &self.settings, t1)?;
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        Ok(self.stepper.state().to_vec())
    }
}

/// The same evaluations without a plugin.
struct Direct {
    rhs: Arc<dyn Kernel>,
    scratch: Buffer,
    point: Buffer,
    slope: Buffer,
}

impl Subject for Direct {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let (p, u0) = LV_INPUT.split_at(4);
        let Direct { rhs, scratch, point, slope } = self;
        point.copy_from_slice(u0);
        for _ in 0..calls {
            rhs.eval(0.0, point, p, slope, scratch);
            follow(u0, slope, point);
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        Ok(self.slope.to_vec())
    }
}
