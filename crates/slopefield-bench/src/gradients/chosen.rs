//! Stiff systems, through the method that the automatic choice takes there.

use crate::core::compiled;
use crate::core::solve::{Problem, grid};
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Target, Trial, stored};
use slopefield_adjoint::{Costs, DEFAULT_MEMORY, GradientMethod};
use slopefield_solve::{Settings, drive};
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, StudyError};
use std::time::Instant;

/// The solver of the cases.
const SOLVER: &str = "rodas5p";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "robertson-chosen".into(),
            about:
                "Robertson's kinetics to t = 1e5, Rodas5P at 1e-6, 50 points, gradient by the 3 \
                    rates, by the automatic choice"
                    .into(),
            target: Some(Target::Seconds(0.2e-3)),
            saved: Saved {
                bench: "B4",
                case: "gradient: Rodas5P, automatic choice, compiled model".into(),
                metric: "time per loss+gradient",
            },
            prepare: Box::new(robertson),
        },
        Case {
            name: "brusselator-chosen".into(),
            about: "Brusselator on a torus of 10 × 10 points, 200 states, gradient by 400 \
                    parameters, 11 points, Rodas5P at 1e-7, by the automatic choice"
                .into(),
            target: Some(Target::Seconds(60e-3)),
            saved: Saved {
                bench: "core",
                case: "torus 10: Rodas5P, automatic choice, compiled model".into(),
                metric: "time per loss+gradient",
            },
            prepare: Box::new(brusselator),
        },
    ]
}

/// Robertson's problem, rates in the order of the peers.
const ROBERTSON: &str = "\
state a = 1
state b = 0
state c = 0
param k1 = 0.04
param k2 = 3e7
param k3 = 1e4
a' = k3*b*c - k1*a
b' = k1*a - k2*b^2 - k3*b*c
c' = k2*b^2
";

fn robertson(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(ROBERTSON, setting)?;
    let stored = stored::robertson();
    let p = vec![0.04, 3e7, 1e4];
    let saves: Vec<f64> = (0..50).map(|i| 10f64.powf(-5.0 + 10.0 * i as f64 / 49.0)).collect();
    let problem = Problem {
        rhs: model.rhs.clone(),
        t1: saves[49],
        u0: vec![1.0, 0.0, 0.0],
        p: p.clone(),
        settings: Settings::with_tolerances(1e-6, 1e-10),
        saves,
    };
    let weights = stored.get("scale").iter().map(|s| 1.0 / (s * s));
    let weights: Vec<f64> = weights.cycle().take(150).collect();
    // The rates differ by nine powers of ten: derivatives by their logarithms are of one size.
    let logarithmic = stored.get("gradient").iter().zip(&p).map(|(g, p)| g * p);
    let expected: Vec<f64> = stored.get("loss").iter().copied().chain(logarithmic).collect();
    let ours = Chosen::new(&model, problem, stored.get("data").to_vec(), weights, p)?;
    Ok(Trial {
        ours: Box::new(ours),
        comparator: None,
        check: Check { agreement: 0.0, reference: Some(Reference::relative(0, &expected, 1e-3)) },
        work: 1,
        compile_s,
    })
}

/// Every point has its own A, B and diffusions, as in the scaling benchmark of SciMLBenchmarks.
const BRUSSELATOR: &str = "\
const N = 10
param A[i in 1..N, j in 1..N] = 3.4
param B[i in 1..N, j in 1..N] = 1
param Du[i in 1..N, j in 1..N] = 10
param Dv[i in 1..N, j in 1..N] = 10
function place(i) = (i - 1)/(N - 1)
state u[i in 1..N, j in 1..N] = 22*(place(j)*(1 - place(j)))^1.5
state v[i in 1..N, j in 1..N] = 27*(place(i)*(1 - place(i)))^1.5
function laplace(w, i, j) = (N - 1)^2*(w[wrap(i - 1), j] + w[wrap(i + 1), j] + w[i, wrap(j - 1)] +
    w[i, wrap(j + 1)] - 4*w[i, j])
u[i, j]' = B[i, j] + u[i, j]^2*v[i, j] - (A[i, j] + 1)*u[i, j] + Du[i, j]*laplace(u, i, j) for i in 1..N, j in 1..N
v[i, j]' = A[i, j]*u[i, j] - u[i, j]^2*v[i, j] + Dv[i, j]*laplace(v, i, j) for i in 1..N, j in 1..N
";

fn brusselator(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(BRUSSELATOR, setting)?;
    let stored = stored::brusselator_torus();
    let p = model.start_params(1);
    let problem = Problem {
        rhs: model.rhs.clone(),
        t1: 1.0,
        u0: model.initial_state(0.0, &p, &[]),
        settings: Settings::with_tolerances(1e-7, 1e-5),
        saves: grid(0.0, 1.0, 11),
        p,
    };
    let count = problem.u0.len() * problem.saves.len();
    let ones = vec![1.0; problem.p.len()];
    // Behind the loss.
    let reference = Reference::relative(1, stored.get("gradient"), 1e-3);
    let ours = Chosen::new(&model, problem, vec![1.0; count], vec![0.5; count], ones)?;
    Ok(Trial {
        ours: Box::new(ours),
        comparator: None,
        check: Check { agreement: 0.0, reference: Some(reference) },
        work: 1,
        compile_s,
    })
}

/// The loss `Σ weight (x − y)²` and its gradient by the method that is chosen.
struct Chosen {
    problem: Problem,
    data: Vec<f64>,
    weights: Vec<f64>,
    /// Factor of each derivative in the result.
    unit: Vec<f64>,
    method: Box<dyn GradientMethod>,
    loss: f64,
    by_initial: Vec<f64>,
    by_param: Vec<f64>,
    evaluations: u64,
}

impl Chosen {
    fn new(
        model: &slopefield_study::CompiledModel,
        problem: Problem,
        data: Vec<f64>,
        weights: Vec<f64>,
        unit: Vec<f64>,
    ) -> Result<Chosen, BenchError> {
        let route =
            Route { model, solver: SOLVER, solvers: &BuiltinSolvers, memory: DEFAULT_MEMORY };
        let mut stepper = slopefield_study::solvers::stepper(model, SOLVER, &BuiltinSolvers)
            .map_err(StudyError::Solver)?;
        let mut states = vec![0.0; data.len()];
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            drive(
                &mut *stepper,
                &problem.ivp(),
                &problem.settings,
                &problem.saves,
                &mut states,
                None,
            )?;
            least = least.min(began.elapsed().as_secs_f64());
        }
        let measured = Costs::measure(&problem.ivp(), stepper.stats(), least);
        let costs = Costs { saves: problem.saves.len(), ..measured };
        let applicable = route.applicable();
        let name = slopefield_adjoint::choose(&costs, &applicable, DEFAULT_MEMORY)
            .map_or("discrete", |c| c.method);
        let method = route.method(name)?;
        Ok(Chosen {
            by_initial: vec![0.0; problem.u0.len()],
            by_param: vec![0.0; problem.p.len()],
            loss: 0.0,
            evaluations: 0,
            problem,
            data,
            weights,
            unit,
            method,
        })
    }
}

impl Subject for Chosen {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let (data, weights) = (&self.data, &self.weights);
        let mut loss = |states: &[f64], by_state: &mut [f64]| {
            let mut sum = 0.0;
            for (((w, x), y), weight) in by_state.iter_mut().zip(states).zip(data).zip(weights) {
                let e = x - y;
                sum += weight * e * e;
                *w = 2.0 * weight * e;
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
        let scaled = self.by_param.iter().zip(&self.unit).map(|(g, unit)| g * unit);
        Ok(std::iter::once(self.loss).chain(scaled).collect())
    }

    fn evaluations(&self) -> Option<u64> {
        Some(self.evaluations)
    }
}
