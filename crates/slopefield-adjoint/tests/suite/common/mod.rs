//! What the tests of this crate share.
#![allow(dead_code, reason = "every test file uses a part")]

pub mod again;
pub mod delayed;
pub mod dual;
pub mod replay;

use slopefield_adjoint::{
    DiscreteAdjoint, Evaluated, ForwardSensitivity, GaussAdjoint, GradientMethod, Loss,
};
use slopefield_problems::Problem;
use slopefield_solve::runge_kutta::ExtraStages;
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, Settings, SolveError, Stats, Step, Stepper, Tableau,
};

/// The problem on its usual span.
pub fn ivp(problem: &Problem) -> Ivp<'_> {
    let Problem { rhs, t0, t1, u0, p, .. } = problem;
    Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p }
}

/// `count` save times from one end to the other, both included.
pub fn spread(t0: f64, t1: f64, count: usize) -> Vec<f64> {
    let last = count - 1;
    let time = |i| if i == last { t1 } else { t0 + (t1 - t0) * i as f64 / last as f64 };
    (0..count).map(time).collect()
}

/// Squared distance from an arbitrary target, so that no derivative vanishes.
pub fn squares(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
        let off = x - (0.7 * i as f64).sin();
        *w = 2.0 * off;
        sum += off * off;
    }
    sum
}

/// The exact methods on one table.
pub fn exact_methods(table: &'static Tableau) -> Vec<Box<dyn GradientMethod>> {
    vec![Box::new(DiscreteAdjoint::new(table)), Box::new(ForwardSensitivity::new(table))]
}

/// All methods on one table; the continuous one through a stepper that shows nothing but the
/// trait's required methods, as a plugin would.
pub fn all_methods(table: &'static Tableau) -> Vec<Box<dyn GradientMethod>> {
    let mut methods = exact_methods(table);
    methods.push(Box::new(GaussAdjoint::new(Box::new(Opaque(ExplicitRungeKutta::new(table))))));
    methods
}

/// A stepper that hides its stages.
pub struct Opaque(pub ExplicitRungeKutta);

impl Stepper for Opaque {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        self.0.start(ivp, settings)
    }
    fn step(&mut self, ivp: &Ivp<'_>, settings: &Settings, limit: f64) -> Result<Step, SolveError> {
        self.0.step(ivp, settings, limit)
    }
    fn state(&self) -> &[f64] {
        self.0.state()
    }
    fn prepare_dense(&mut self, ivp: &Ivp<'_>) {
        self.0.prepare_dense(ivp);
    }
    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        self.0.interpolate(t, out)
    }
    fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// Result, gradient by `u0` and gradient by `p`.
pub fn gradient(
    method: &mut dyn GradientMethod,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    loss: &mut Loss<'_>,
) -> Result<(Evaluated, Vec<f64>, Vec<f64>), SolveError> {
    // Filled, because gradients are written, not added.
    let (mut by_u0, mut by_p) = (vec![7.0; ivp.u0.len()], vec![-7.0; ivp.p.len()]);
    let found = method.evaluate(ivp, settings, saves, loss, &mut by_u0, &mut by_p)?;
    Ok((found, by_u0, by_p))
}

/// Largest difference relative to the largest entry of `b`.
pub fn relative_distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).map(|(x, y)| (x - y).abs() / scale).fold(0.0, f64::max)
}

/// Heun's method with an Euler estimate: not first-same-as-last.
pub static HEUN: Tableau = Tableau {
    id: "heun",
    name: "Heun–Euler 2(1)",
    order: 2,
    embedded_order: 1,
    dense_order: 2,
    fsal: false,
    a: &[&[], &[1.0]],
    b: &[0.5, 0.5],
    b_error: &[-0.5, 0.5],
    c: &[0.0, 1.0],
    extra: ExtraStages::NONE,
    dense: &[&[1.0, -0.5], &[0.0, 0.5]],
    advice: "For tests.",
    reference: "",
};

/// A system with events or delays on a span.
pub struct Hybrid<'a> {
    pub system: &'a dual::System,
    pub span: (f64, f64),
    pub u0: &'a [f64],
    pub p: &'a [f64],
    pub saves: &'a [f64],
    pub tolerance: f64,
}

/// A gradient by start time, initial state and parameters, in this order.
pub fn hybrid_gradient(
    method: &mut dyn GradientMethod,
    case: &Hybrid<'_>,
) -> Result<Vec<f64>, SolveError> {
    let ivp = case.ivp();
    let settings = case.settings();
    let (found, by_u0, by_p) = gradient(method, &ivp, &settings, case.saves, &mut reached_squares)?;
    let by_t0 = found.by_start_time.unwrap_or(0.0);
    Ok([by_t0].into_iter().chain(by_u0).chain(by_p).collect())
}

/// Where the memory is just enough to go through a solve with events in parts, the gradient is that of
/// the whole.
#[track_caller]
pub fn in_parts<M: GradientMethod>(what: &str, make: &dyn Fn(u64) -> M, case: &Hybrid<'_>) {
    let run =
        |bytes: u64| hybrid_gradient(&mut make(bytes), case).map_err(|error| error.to_string());
    let why = run(1).expect_err("a byte is not enough");
    let words: Vec<&str> = why.split(' ').collect();
    let place = words.iter().position(|word| *word == "MB,").expect("a need");
    let need = (words[place - 1].parse::<f64>().expect("it works") * 1e6) as u64 + 1_000;
    let (parts, whole) = (run(need).expect("it works"), run(1 << 28).expect("it works"));
    let off = relative_distance(&parts, &whole);
    assert!(off < 1e-12, "{what} in {need} bytes: {off:e} {parts:?} {whole:?}");
}

/// [`squares`] of the states that were reached; what it says of the others must not matter.
pub fn reached_squares(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
        let off = x - (0.7 * i as f64).sin();
        *w = 2.0 * off;
        if x.is_finite() {
            sum += off * off;
        }
    }
    sum
}

impl Hybrid<'_> {
    pub fn ivp(&self) -> Ivp<'_> {
        let (t0, t1) = self.span;
        Ivp { rhs: self.system, t0, t1, u0: self.u0, p: self.p }
    }

    /// The same gradient by dual numbers on the same steps. With `at_start`, events happen at the
    /// start, which cannot move then.
    pub fn replayed(&self, table: &'static Tableau, at_start: bool) -> Vec<f64> {
        self.replayed_rows(table, at_start, false)
    }

    pub fn settings(&self) -> Settings {
        Settings::with_tolerances(self.tolerance, self.tolerance)
    }

    /// The same of states with delayed values behind them where `wide`.
    pub fn replayed_rows(&self, table: &'static Tableau, at_start: bool, wide: bool) -> Vec<f64> {
        use dual::{D, c};
        let settings = self.settings();
        let (mut replay, states) =
            replay::Replay::new(self.system, table, &self.ivp(), &settings, self.saves);
        replay.wide = wide;
        let n = self.u0.len();
        let width = if wide { self.system.all() } else { n };
        let constants = |x: &[f64]| -> Vec<D> { x.iter().map(|&x| c(x)).collect() };
        let rows = replay.run(c(self.span.0), &constants(self.u0), &constants(self.p), self.saves);
        let mut seen = vec![f64::NAN; self.saves.len() * width];
        for (row, (found, out)) in rows.iter().zip(seen.chunks_exact_mut(width)).enumerate() {
            for (i, x) in found.iter().enumerate() {
                out[i] = if i < n { states[row * n + i] } else { x.v };
            }
        }
        let mut weights = vec![0.0; seen.len()];
        reached_squares(&seen, &mut weights);
        let mut out = Vec::new();
        for index in 0..1 + n + self.p.len() {
            let seed = |x: &[f64], first: usize| -> Vec<D> {
                let d = |i: usize| f64::from(u8::from(first + i == index));
                x.iter().enumerate().map(|(i, &v)| D { v, d: d(i) }).collect()
            };
            let t0 = if at_start { c(self.span.0) } else { seed(&[self.span.0], 0)[0] };
            let rows = replay.run(t0, &seed(self.u0, 1), &seed(self.p, 1 + n), self.saves);
            let mut sum = 0.0;
            for (row, found) in rows.iter().enumerate() {
                for (i, x) in found.iter().enumerate() {
                    let solved = seen[row * width + i];
                    let same = 1e-9 * (1.0 + solved.abs());
                    assert!((x.v - solved).abs() < same, "row {row} {i}: {x:?} {solved}");
                    sum += weights[row * width + i] * x.d;
                }
            }
            out.push(sum);
        }
        out
    }
}
