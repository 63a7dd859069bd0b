//! Paths of equations with noise against those of the processor: the same Brownian motion.

use crate::common::{device, dialect, lowered};
use crate::cuda::{numbers, real, run, words};
use slopefield_cpu::CompiledKernel;
use slopefield_ensemble::{TrajectoryResult, Values};
use slopefield_gpu::{Dialect, GpuError, PathMethod, PathProgram, PathSolver, Trajectories};
use slopefield_graph::ModelFunction;
use slopefield_kernel::{
    Calculus, Cotangent, Kernel, Noise, NoiseKind, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, SolveError};
use slopefield_stochastic::{BrownianMotion, Paths, method, paths};

/// Source `i` acts on state `i`.
const DIAGONAL: &str = "
state x = 1
state y = 0.5
param a = 0.3
param b = 0.2
noise V
noise W
x' = y + sin(t) + a*x*V'
y' = -x - 0.1*y + b*cos(y)*W'
";

/// Three sources that act together.
const GENERAL: &str = "
state x = 1
state y = 0.5
param a = 0.3
param b = 0.2
noise U
noise V
noise W
x' = -x + a*V' + 0.1*y*W'
y' = x - y + b*x*V' + 0.2*U'
";

/// One source that acts on all states.
const SINGLE: &str = "
state x = 1
state y = 0.5
param a = 0.3
param b = 0.2
noise W
x' = -x + a*x*W'
y' = x - y + b*W'
";

const GEOMETRIC: &str = "state x = 1\nparam a = 0.5\nparam b = 0.8\nnoise W\nx' = a*x + b*x*W'\n";

/// A system of the processor: compiled drift and noise.
struct Noisy {
    drift: CompiledKernel,
    coefficients: CompiledKernel,
    kind: NoiseKind,
}

impl Noisy {
    fn new(text: &str, kind: NoiseKind) -> Self {
        let model = lowered(text);
        let function = match kind {
            NoiseKind::Diagonal => ModelFunction::DiagonalNoise,
            _ => ModelFunction::Noise,
        };
        let noise = model.plans(function).expect("there is noise");
        Noisy {
            drift: slopefield_cpu::compile(&model.rhs).expect("it compiles"),
            coefficients: slopefield_cpu::compile(noise).expect("it compiles"),
            kind,
        }
    }
}

impl Kernel for Noisy {
    fn shape(&self) -> Shape {
        self.drift.shape()
    }

    fn scratch_len(&self) -> usize {
        self.drift.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.drift.eval(t, u, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.drift.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.drift.vjp(at, w, grad, scratch);
    }

    fn structure(&self) -> Structure<'_> {
        let (n, outputs) = (self.drift.shape().states, self.coefficients.shape().outputs);
        let sources = if self.kind == NoiseKind::Diagonal { n } else { outputs / n };
        Structure {
            noise: Some(Noise {
                coefficients: &self.coefficients,
                sources,
                kind: self.kind,
                calculus: Calculus::Ito,
                hessian: None,
            }),
            ..Structure::default()
        }
    }
}

/// Steps of a fixed length.
fn fixed(h: f64) -> Settings {
    Settings { h_init: Some(h), h_max: h, seed: 17, path: 5, ..Settings::default() }
}

fn problem<'a>(span: (f64, f64), count: usize, u0: &'a [f64], p: &'a [f64]) -> Trajectories<'a> {
    Trajectories {
        t0: span.0,
        t1: span.1,
        count,
        u0: Values::Same(u0),
        shared: p,
        own: Values::Same(&[]),
    }
}

fn on_processor(
    system: &Noisy,
    id: &str,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
) -> Vec<f64> {
    let Values::Same(u0) = problem.u0 else { panic!("all start alike") };
    let (t0, t1, p) = (problem.t0, problem.t1, problem.shared);
    let ivp = Ivp { rhs: system, t0, t1, u0, p };
    let which = Paths { first: settings.path, count: problem.count, threads: 1 };
    let make = || method(id).expect("built in");
    let mut out = vec![0.0; problem.count * saves.len() * u0.len()];
    paths(&make, &ivp, settings, which, saves, &mut out).expect("it is solved");
    out
}

/// The text of a CUDA dialect on the processor.
fn through_cuda(
    program: &PathProgram,
    dialect: Dialect,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Vec<TrajectoryResult>) {
    let arrays = program.arrays(problem, settings, saves, (0, problem.count), 13);
    let arrays = arrays.expect("the problem makes sense");
    let zeros = |len: usize| (len, real(dialect, &vec![0.0; len]));
    let bytes = run(
        &program.text,
        "paths.cpp",
        &[
            (arrays.joint_values.len(), real(dialect, &arrays.joint_values)),
            (arrays.own_values.len(), real(dialect, &arrays.own_values)),
            (arrays.tables.len(), words(&arrays.tables)),
            zeros(arrays.results),
            zeros(arrays.kept),
            (arrays.counts, words(&vec![0; arrays.counts])),
        ],
    );
    let size = if dialect.is_double() { 8 } else { 4 };
    let (results, rest) = bytes.split_at(size * arrays.results);
    let (kept, counts) = rest.split_at(size * arrays.kept);
    let word = |b: &[u8]| u32::from_ne_bytes(b.try_into().expect("four bytes"));
    let counts: Vec<u32> = counts.chunks_exact(4).map(word).collect();
    let mut out = vec![0.0; problem.count * saves.len() * program.states()];
    let mut all = Vec::new();
    let (results, kept) = (numbers(dialect, results), numbers(dialect, kept));
    program.unpack(&arrays, saves.len(), (&results, &kept), &counts, None, &mut all, &mut out);
    (out, all)
}

fn program(text: &str, kind: NoiseKind, id: &str, dialect: Dialect) -> PathProgram {
    let method = PathMethod::named(id).expect("there is such a method");
    PathProgram::of_model(&lowered(text), (kind, Calculus::Ito), &[], method, dialect)
        .unwrap_or_else(|e| panic!("{e}"))
}

fn on_device(
    program: &PathProgram,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    attempts: Option<u32>,
) -> (Vec<f64>, Vec<TrajectoryResult>) {
    let mut solver = PathSolver::new(device(), program).unwrap_or_else(|e| panic!("{e}"));
    solver.attempts = attempts;
    let mut out = vec![0.0; problem.count * saves.len() * program.states()];
    let report = solver.solve(problem, settings, saves, &mut out).expect("the device works");
    (out, report.trajectories)
}

const CASES: [(&str, NoiseKind, &[&str]); 3] = [
    (DIAGONAL, NoiseKind::Diagonal, &["em", "sriw1", "sosri"]),
    (SINGLE, NoiseKind::General, &["em", "sosri"]),
    (GENERAL, NoiseKind::General, &["em"]),
];

/// Save times at both ends, at ends of steps, within steps, several to a step, in several cells.
const SAVES: [f64; 10] = [0.1, 0.1, 0.25, 0.31, 0.312, 1.0, 1.77, 2.5, 5.3, 5.3];

#[test]
fn in_double_precision_paths_are_those_of_the_processor() {
    for (text, kind, methods) in CASES {
        let system = Noisy::new(text, kind);
        for id in methods {
            let problem = problem((0.1, 5.3), 70, &[1.0, 0.5], &[0.3, 0.2]);
            // The largest power of two below is 1/16.
            let settings = fixed(0.1);
            let want = on_processor(&system, id, &problem, &settings, &SAVES);
            let program = program(text, kind, id, Dialect::CudaDouble);
            let (got, all) =
                through_cuda(&program, Dialect::CudaDouble, &problem, &settings, &SAVES);
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                assert!((got - want).abs() <= 1e-11, "{id}, {i}: {got} instead of {want}");
            }
            assert!(
                all.iter().all(|r| r.as_ref().is_ok_and(|stats| stats.accepted == 84)),
                "{all:?}"
            );
        }
    }
}

#[test]
fn in_single_precision_paths_differ_by_rounding() {
    for (text, kind, methods) in CASES {
        let system = Noisy::new(text, kind);
        for id in methods {
            let problem = problem((0.1, 5.3), 300, &[1.0, 0.5], &[0.3, 0.2]);
            let settings = fixed(0.1);
            let want = on_processor(&system, id, &problem, &settings, &SAVES);
            let program = program(text, kind, id, dialect());
            let (got, all) = on_device(&program, &problem, &settings, &SAVES, None);
            assert!(all.iter().all(Result::is_ok), "{all:?}");
            let far = |(got, want): (&f64, &f64)| (got - want).abs() / want.abs().max(1.0);
            let worst = got.iter().zip(&want).map(far).fold(0.0, f64::max);
            println!("{id}: {worst:.1e}");
            assert!(worst <= 1e-5, "{id}: {worst:e}");
            // However the work is cut, and in whatever company.
            let (again, _) = on_device(&program, &problem, &settings, &SAVES, Some(7));
            assert!(again.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()), "{id}");
            let last = Settings { path: 5 + 290, ..settings };
            let few = Trajectories { count: 10, ..problem };
            let (alone, _) = on_device(&program, &few, &last, &SAVES, None);
            let rest = &got[290 * 20..];
            assert!(alone.iter().zip(rest).all(|(a, b)| a.to_bits() == b.to_bits()), "{id}");
        }
    }
}

/// Root mean square of the error at the end of a geometric Brownian motion, whose exact solution on the
/// same path is `exp((a − b²/2) t + b W(t))`, for steps of halving length.
#[test]
fn the_strong_orders_are_those_of_the_methods() {
    let (a, b, count) = (0.5, 0.8, 2000);
    let problem = problem((0.0, 1.0), count, &[1.0], &[0.5, 0.8]);
    let exact: Vec<f64> = (0..count as u64)
        .map(|k| {
            let (mut w, mut area) = ([0.0], [0.0]);
            let mut motion = BrownianMotion::default();
            motion.start(17, 5 + k, 1).expect("one source");
            motion.increment(0.0, 1.0, &mut w, &mut area);
            ((a - 0.5 * b * b) + b * w[0]).exp()
        })
        .collect();
    for (id, order, tolerance) in [("em", 0.5, 0.1), ("sriw1", 1.5, 0.2), ("sosri", 1.5, 0.2)] {
        let program = program(GEOMETRIC, NoiseKind::Diagonal, id, dialect());
        let errors = [3, 5, 7].map(|k| {
            let (got, _) = on_device(&program, &problem, &fixed(0.5_f64.powi(k)), &[1.0], None);
            let squares: f64 = got.iter().zip(&exact).map(|(x, y)| (x - y).powi(2)).sum();
            (squares / count as f64).sqrt()
        });
        let orders = [errors[0] / errors[1], errors[1] / errors[2]].map(|ratio| ratio.log2() / 2.0);
        println!("{id}: errors {errors:?}, orders {orders:.2?}");
        for seen in orders {
            assert!((seen - order).abs() <= tolerance, "{id}: {errors:?}, order {seen}");
        }
    }
}

/// The mean of a geometric Brownian motion is `exp(a t)`, that of its square `exp((2 a + b²) t)`.
#[test]
fn moments_are_right_within_three_standard_errors() {
    let count = 20_000;
    let problem = problem((0.0, 1.0), count, &[1.0], &[0.5, 0.3]);
    let program = program(GEOMETRIC, NoiseKind::Diagonal, "sosri", dialect());
    let (got, _) = on_device(&program, &problem, &fixed(1.0 / 32.0), &[1.0], None);
    for (power, want) in [(1, 0.5_f64.exp()), (2, (1.0_f64 + 0.09).exp())] {
        let values: Vec<f64> = got.iter().map(|x| x.powi(power)).collect();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
        let error = (variance / count as f64).sqrt();
        assert!((mean - want).abs() <= 3.0 * error, "{mean} instead of {want}, ±{error}");
    }
}

/// Parameters of each path, and a path that ends.
#[test]
fn a_path_that_fails_stops_alone() {
    let text = "state x = 1\nparam p = 0\nnoise W\nx' = p*x^3 + 0.01*W'\n";
    let own = [0.0, 1e6, -1.0];
    let method = PathMethod::EulerMaruyama;
    let kind = (NoiseKind::Additive, Calculus::Stratonovich);
    let program = PathProgram::of_model(&lowered(text), kind, &[0], method, dialect());
    let program = program.expect("additive noise means the same in both calculi");
    let problem =
        Trajectories { own: Values::Each(&own), ..problem((0.0, 1.0), 3, &[1.0], &[0.0]) };
    let (got, all) = on_device(&program, &problem, &fixed(0.125), &[0.05, 1.0], None);
    assert!(all[0].is_ok() && all[2].is_ok(), "{all:?}");
    let failure = all[1].as_ref().expect_err("it explodes");
    assert!(matches!(failure.error, SolveError::NonFinite { state: 0, .. }), "{failure:?}");
    assert!(got[3].is_nan() && got[2].is_finite() && got[1].is_finite(), "{got:?}");
    assert!((got[5] - 3.0_f64.sqrt().recip()).abs() < 0.1, "{got:?}");
}

#[test]
fn what_has_no_form_is_refused() {
    let ito = |kind| (kind, Calculus::Ito);
    let make = |text: &str, noise, id: &str| {
        let method = PathMethod::named(id).expect("there is such a method");
        PathProgram::of_model(&lowered(text), noise, &[], method, dialect())
    };
    let general = make(GENERAL, ito(NoiseKind::General), "sosri").expect_err("three sources");
    assert!(matches!(general, GpuError::Noise { method: "sosri", .. }), "{general}");
    let stratonovich = (NoiseKind::Diagonal, Calculus::Stratonovich);
    let error = make(DIAGONAL, stratonovich, "em").expect_err("another calculus");
    assert!(error.to_string().contains("Stratonovich"), "{error}");
    let error = make("state x = 1\nx' = -x\n", ito(NoiseKind::Additive), "em");
    assert!(error.expect_err("no noise").to_string().contains("without noise"));
    assert!(PathMethod::named("milstein").is_none());
    let program = program(DIAGONAL, NoiseKind::Diagonal, "em", dialect());
    let solver = PathSolver::new(device(), &program).expect("the device works");
    let refused = |span: (f64, f64), settings: &Settings| {
        let problem = problem(span, 1, &[1.0, 0.5], &[0.3, 0.2]);
        let mut out = [0.0; 2];
        let error = solver.solve(&problem, settings, &[span.1], &mut out);
        error.expect_err("it is refused").to_string()
    };
    assert!(refused((-1.0, 1.0), &fixed(0.1)).contains("from 0 or later"));
    assert!(refused((1.0, 0.0), &fixed(0.1)).contains("forward"));
    assert!(refused((0.0, 1.0), &Settings::default()).contains("fixed steps"));
    let few = Settings { max_steps: 10, ..fixed(0.1) };
    assert!(refused((0.0, 1.0), &few).contains("more than the 10"));
}
