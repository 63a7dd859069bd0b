//! Jumps by thinning: means against exact values, with time, flow, noise and delays between jumps.
use crate::common;

use common::*;
use slopefield_kernel::{
    Calculus, Cotangent, DelayedRead, Delays, Kernel, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, Stepper, delay_method, drive};
use slopefield_stochastic::{JumpDiffusion, Thinning, method};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A system whose rates have bounds, which may read states of time 1 ago; its history is 1.
struct Bounded {
    model: Model<f64>,
    bounds: Function,
    reads: Vec<DelayedRead>,
    lags: Function,
    history: Function,
}

impl Bounded {
    fn new(system: System, bounds: Value) -> Self {
        let Function { states, outputs, .. } = system.rates.unwrap();
        let all = states;
        let reads =
            (system.drift.outputs..states).map(|k| (k - system.drift.outputs) as u32).collect();
        let plain = |states, outputs, value| Function {
            states,
            params: 0,
            outputs,
            value,
            along: NO_CHANGE,
        };
        let reads: Vec<u32> = reads;
        Bounded {
            model: Model::new(system),
            bounds: plain(all, outputs + 1, bounds),
            reads: reads.iter().map(|&state| DelayedRead { state, lag: 0, slope: false }).collect(),
            lags: plain(all, 1, |_, _, _, out| out[0] = 1.0),
            history: plain(0, system.drift.outputs, |_, _, _, out| out.fill(1.0)),
        }
    }
}

impl Kernel for Bounded {
    fn shape(&self) -> Shape {
        self.model.shape()
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.model.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.model.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.model.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure {
            rate_bounds: Some(&self.bounds),
            delays: (!self.reads.is_empty()).then(|| Delays {
                reads: &self.reads,
                lags: &self.lags,
                constant: &[true],
                history: &self.history,
                jumps_at_start: false,
            }),
            ..self.model.structure()
        }
    }
}

fn settings(rtol: f64, path: u64) -> Settings {
    Settings { seed: 11, path, ..Settings::with_tolerances(rtol, rtol) }
}

fn run(
    stepper: &mut dyn Stepper,
    rhs: &dyn Kernel,
    (t0, t1): (f64, f64),
    u0: &[f64],
    settings: &Settings,
) -> Result<(Vec<f64>, Stats), SolveError> {
    let mut out = vec![0.0; u0.len()];
    let ivp = Ivp { rhs, t0, t1, u0, p: &[] };
    let stats = drive(stepper, &ivp, settings, &[t1], &mut out, None)?;
    Ok((out, stats))
}

fn thinning() -> Thinning {
    Thinning::new(slopefield_solve::method("tsit5").unwrap())
}

/// Mean and variance of the first state at the end.
fn moments(
    stepper: &mut dyn Stepper,
    rhs: &dyn Kernel,
    t1: f64,
    u0: &[f64],
    count: u64,
) -> (f64, f64) {
    let values: Vec<f64> = (0..count)
        .map(|path| run(stepper, rhs, (0.0, t1), u0, &settings(1e-6, path)).unwrap().0[0])
        .collect();
    let n = count as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[track_caller]
fn check_mean((mean, variance): (f64, f64), count: u64, expected: f64) {
    let error = (variance / count as f64).sqrt();
    assert!((mean - expected).abs() < 3.0 * error, "mean {mean} ± {error} for {expected}");
}

/// Counts jumps at rates that depend on time alone.
fn counter(rate: Value) -> System {
    System {
        constant_between: false,
        ..System::jumps(1, None, (rate, NO_CHANGE), &[&[(0, 1.0)]], &[&[]])
    }
}

/// A Poisson process with rate `5 (1 + sin 4t)`: the number at t has mean and variance
/// `5t + 5/4 (1 − cos 4t)`.
#[test]
fn rates_that_vary_with_time() {
    let rate: Value = |t, _, _, out| out[0] = 5.0 * (1.0 + (4.0 * t).sin());
    let system = Bounded::new(counter(rate), |_, _, _, out| {
        out.copy_from_slice(&[10.0, f64::INFINITY]);
    });
    for t in [0.4, 1.5] {
        let n = 4000;
        let (mean, variance) = moments(&mut thinning(), &system, t, &[0.0], n);
        let expected = 5.0 * t + 1.25 * (1.0 - (4.0 * t).cos());
        check_mean((mean, expected), n, expected);
        let error = ((2.0 * expected * expected + expected) / n as f64).sqrt();
        assert!((variance - expected).abs() < 3.0 * error, "{variance} for {expected}");
    }
}

/// A rate of `20 t`, whose bound from now on holds for a time of 0.05 only: `10 t²` jumps.
#[test]
fn bounds_may_hold_for_a_time() {
    let rate: Value = |t, _, _, out| out[0] = 20.0 * t;
    let system = Bounded::new(counter(rate), |t, _, _, out| {
        out.copy_from_slice(&[20.0 * (t + 0.05), 0.05]);
    });
    let (mean, variance) = moments(&mut thinning(), &system, 1.2, &[0.0], 4000);
    check_mean((mean, variance), 4000, 10.0 * 1.2 * 1.2);
}

/// `X' = −X` with jumps of 1/2 at rate `3X`, which falls between jumps: the mean grows with rate
/// `3/2 − 1`.
#[test]
fn rates_that_follow_the_solution() {
    let system = System::jumps(
        1,
        Some((|_, u, _, out| out[0] = -u[0], |_, _, _, du, out| out[0] = -du[0])),
        (|_, u, _, out| out[0] = 3.0 * u[0], |_, _, _, du, out| out[0] = 3.0 * du[0]),
        &[&[(0, 0.5)]],
        &[&[0]],
    );
    let bounded = Bounded::new(system, |_, u, _, out| {
        out.copy_from_slice(&[3.0 * u[0], f64::INFINITY]);
    });
    let expected = 2.0 * 0.5_f64.exp();
    for id in ["tsit5", "rodas5p"] {
        let mut stepper = Thinning::new(slopefield_solve::method(id).unwrap());
        check_mean(moments(&mut stepper, &bounded, 1.0, &[2.0], 2000), 2000, expected);
    }
}

/// Births at rate 1000, deaths at rate 10 each.
fn birth_and_death() -> System {
    System::jumps(
        1,
        None,
        (
            |_, u, _, out| out.copy_from_slice(&[1000.0, 10.0 * u[0]]),
            |_, _, _, du, out| out.copy_from_slice(&[0.0, 10.0 * du[0]]),
        ),
        &[&[(0, 1.0)], &[(0, -1.0)]],
        &[&[1], &[1]],
    )
}

#[test]
fn several_kinds_of_jumps_keep_their_shares() {
    let system = Bounded::new(birth_and_death(), |_, u, _, out| {
        out.copy_from_slice(&[1300.0, 10.0 * u[0] + 50.0, f64::INFINITY]);
    });
    let (mean, variance) = moments(&mut thinning(), &system, 0.05, &[0.0], 2000);
    let expected = 100.0 * (1.0 - (-0.5_f64).exp());
    check_mean((mean, variance), 2000, expected);
    let error = expected * (2.0_f64 / 2000.0).sqrt();
    assert!((variance - expected).abs() < 3.0 * error, "{variance} for {expected}");
}

/// Merton's jump diffusion: every path is the geometric Brownian motion of the whole span times 0.7
/// for every jump, though steps end at candidates that are no jumps, too.
#[test]
fn the_brownian_motion_goes_on_at_candidates_and_jumps() {
    let rate = Function {
        states: 1,
        params: 0,
        outputs: 1,
        value: |_, _, _, out| out[0] = 2.0,
        along: NO_CHANGE,
    };
    let system = System { multiply: true, rates: Some(rate), alters: &[&[]], ..geometric() };
    let bounded = Bounded::new(system, |_, _, _, out| {
        out.copy_from_slice(&[3.0, f64::INFINITY]);
    });
    for (name, bound) in [("sosri", 5e-4), ("milstein", 1e-2)] {
        let mut stepper = Thinning::new(method(name).unwrap());
        let (n, mut jumps, mut error) = (400, 0, 0.0);
        for path in 0..n {
            let settings = settings(1e-4, path);
            let (u, stats) = run(&mut stepper, &bounded, (0.0, 1.0), &[0.5], &settings).unwrap();
            let w = motion(&settings, 1, 0.0, 1.0)[0];
            let exact = geometric_exact(Calculus::Ito, 1.0, w) * 0.7_f64.powi(stats.events as i32);
            error += (u[0] / exact - 1.0).powi(2);
            jumps += stats.events;
        }
        let n = n as f64;
        assert!((error / n).sqrt() < bound, "{name}: {}", (error / n).sqrt());
        assert!((jumps as f64 / n - 2.0).abs() < 3.0 * (2.0 / n).sqrt(), "{name}: {jumps}");
    }
}

/// `X' = −X(t − 1)` with 1 added at rate 2: the mean `m' = −m(t − 1) + 2` from 1 is 2 at 1 and 5/2
/// at 2.
#[test]
fn delays_between_jumps() {
    let system = System {
        drift: Function {
            states: 2,
            params: 0,
            outputs: 1,
            value: |_, u, _, out| out[0] = -u[1],
            along: |_, _, _, du, out| out[0] = -du[1],
        },
        rates: Some(Function {
            states: 2,
            params: 0,
            outputs: 1,
            value: |_, _, _, out| out[0] = 2.0,
            along: NO_CHANGE,
        }),
        ..counter(ZERO)
    };
    let bounded = Bounded::new(system, |_, _, _, out| {
        out.copy_from_slice(&[3.0, f64::INFINITY]);
    });
    for id in ["tsit5", "radau"] {
        let mut stepper = Thinning::new(delay_method(id).unwrap());
        check_mean(moments(&mut stepper, &bounded, 1.0, &[1.0], 1500), 1500, 2.0);
        check_mean(moments(&mut stepper, &bounded, 2.0, &[1.0], 1500), 1500, 2.5);
    }
}

/// One is added at rate `X(t − 1)`: `m' = m(t − 1)` from 1 is 7/2 at 2. What was, at most, in the
/// last unit of time is a bound for the next.
#[test]
fn rates_may_look_back() {
    let system = System {
        drift: Function { states: 2, outputs: 1, ..counter(ZERO).drift },
        rates: Some(Function {
            states: 2,
            params: 0,
            outputs: 1,
            value: |_, u, _, out| out[0] = u[1],
            along: |_, _, _, du, out| out[0] = du[1],
        }),
        ..counter(ZERO)
    };
    let bounded = Bounded::new(system, |_, u, _, out| out.copy_from_slice(&[u[0], 1.0]));
    let mut stepper = Thinning::new(delay_method("tsit5").unwrap());
    check_mean(moments(&mut stepper, &bounded, 2.0, &[1.0], 4000), 4000, 3.5);
}

#[test]
fn states_are_right_on_both_sides_of_a_jump() {
    // X' = 1, and X is set to 0.7 X: between jumps it must rise with slope 1.
    let rate = |_: f64, _: &[f64], _: &[f64], out: &mut [f64]| out[0] = 4.0;
    let system = System {
        multiply: true,
        ..System::jumps(
            1,
            Some((|_, _, _, out| out[0] = 1.0, NO_CHANGE)),
            (rate, NO_CHANGE),
            &[&[]],
            &[&[]],
        )
    };
    let bounded = Bounded::new(system, |_, _, _, out| {
        out.copy_from_slice(&[6.0, f64::INFINITY]);
    });
    let ivp = Ivp { rhs: &bounded, t0: 0.0, t1: 5.0, u0: &[2.0], p: &[] };
    let (mut last, mut jumps) = (2.0, 0);
    let mut watch = |step: &Step, solution: &mut dyn Stepper| {
        let mut inside = [0.0];
        for theta in [0.25, 0.75] {
            let t = step.t_prev + theta * (step.t - step.t_prev);
            solution.interpolate(t, &mut inside)?;
            assert!((inside[0] - last - (t - step.t_prev)).abs() < 1e-12);
        }
        let smooth = last + step.t - step.t_prev;
        last = solution.state()[0];
        if (last - smooth).abs() > 1e-9 {
            assert!((last - 0.7 * smooth).abs() < 1e-12);
            jumps += 1;
        }
        Ok(())
    };
    let mut stepper = thinning();
    let stats =
        drive(&mut stepper, &ivp, &settings(1e-9, 3), &[], &mut [], Some(&mut watch)).unwrap();
    assert_eq!(stats.events, jumps);
    assert!(jumps > 8, "{jumps}");
}

#[test]
fn what_goes_wrong_is_said() {
    let rate: Value = |t, _, _, out| out[0] = 5.0 + 20.0 * t;
    let refusal = |system: &dyn Kernel, stepper: &mut dyn Stepper, span: (f64, f64)| {
        run(stepper, system, span, &[1.0], &settings(1e-6, 0)).unwrap_err().to_string()
    };
    let low = Bounded::new(counter(rate), |_, _, _, out| {
        out.copy_from_slice(&[6.0, f64::INFINITY]);
    });
    let text = refusal(&low, &mut thinning(), (0.0, 4.0));
    assert!(
        text.starts_with("the rate of jump 0 is ") && text.contains("above its bound 6"),
        "{text}"
    );
    let brief = Bounded::new(counter(rate), |_, _, _, out| out.copy_from_slice(&[1e3, 0.0]));
    let text = refusal(&brief, &mut thinning(), (0.0, 1.0));
    assert!(text.contains("hold for a time of 0 from t = 0 on"), "{text}");
    let shorter = Bounded::new(counter(rate), |_, _, _, out| out.copy_from_slice(&[1.0, 1e-20]));
    let text = refusal(&shorter, &mut thinning(), (0.9, 1.0));
    assert!(text.contains("bound 1") || text.contains("no time passes"), "{text}");
    let endless = Bounded::new(counter(rate), |_, _, _, out| {
        out.copy_from_slice(&[f64::INFINITY, 1.0]);
    });
    let text = refusal(&endless, &mut thinning(), (0.0, 1.0));
    assert!(text.contains("the bound of the rate of jump 0 is inf"), "{text}");
    let text = refusal(&low, &mut thinning(), (1.0, 0.0));
    assert!(text.contains("forward in time"), "{text}");
    let without = Model::<f64>::new(counter(rate));
    let text = refusal(&without, &mut thinning(), (0.0, 1.0));
    assert!(text.contains("needs bounds of the rates"), "{text}");
    // Without bounds, rates are integrated; that knows no delays.
    let delayed = Bounded::new(
        System {
            drift: Function { states: 2, outputs: 1, ..counter(ZERO).drift },
            rates: Some(Function { states: 2, ..counter(rate).rates.unwrap() }),
            ..counter(ZERO)
        },
        |_, _, _, out| out.copy_from_slice(&[6.0, f64::INFINITY]),
    );
    let mut stepper = JumpDiffusion::new(delay_method("tsit5").unwrap());
    let text = refusal(&delayed, &mut stepper, (0.0, 1.0));
    assert!(text.contains("without delays"), "{text}");
}

/// One rate of a system by itself, which counts how often it is asked for.
struct Single {
    rates: Function,
    which: usize,
    asked: Arc<AtomicU64>,
}

impl Kernel for Single {
    fn shape(&self) -> Shape {
        Shape { states: self.rates.states, params: 0, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut all = [0.0; 12];
        (self.rates.value)(t, u, p, &mut all[..self.rates.outputs]);
        out[0] = all[self.which];
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        unreachable!("rates are evaluated only");
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("rates are evaluated only");
    }
}

struct OneByOne {
    model: Model<f64>,
    singles: Vec<Arc<dyn Kernel>>,
}

impl Kernel for OneByOne {
    fn shape(&self) -> Shape {
        self.model.shape()
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.model.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.model.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.model.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure { single_rates: &self.singles, ..self.model.structure() }
    }
}

/// A chain of ten kinds of molecules, each of which becomes the next: a jump alters two rates.
fn chain() -> System {
    System::jumps(
        10,
        None,
        (
            |_, u, _, out| out.copy_from_slice(&u[..10]),
            |_, _, _, du, out| out.copy_from_slice(&du[..10]),
        ),
        &[
            &[(0, -1.0), (1, 1.0)],
            &[(1, -1.0), (2, 1.0)],
            &[(2, -1.0), (3, 1.0)],
            &[(3, -1.0), (4, 1.0)],
            &[(4, -1.0), (5, 1.0)],
            &[(5, -1.0), (6, 1.0)],
            &[(6, -1.0), (7, 1.0)],
            &[(7, -1.0), (8, 1.0)],
            &[(8, -1.0), (9, 1.0)],
            &[(9, -1.0), (0, 1.0)],
        ],
        &[&[0, 1], &[1, 2], &[2, 3], &[3, 4], &[4, 5], &[5, 6], &[6, 7], &[7, 8], &[8, 9], &[9, 0]],
    )
}

#[test]
fn a_jump_costs_the_rates_that_it_alters() {
    let asked = Arc::new(AtomicU64::new(0));
    let rates = chain().rates.unwrap();
    let single =
        |which| -> Arc<dyn Kernel> { Arc::new(Single { rates, which, asked: asked.clone() }) };
    let one_by_one =
        OneByOne { model: Model::new(chain()), singles: (0..10).map(single).collect() };
    let together = Model::<f64>::new(chain());
    let mut u0 = [0.0; 10];
    u0[0] = 200.0;
    for name in ["direct", "sorting-direct", "next-reaction"] {
        asked.store(0, Ordering::Relaxed);
        let settings = Settings { seed: 3, ..Settings::default() };
        let solve = |rhs: &dyn Kernel| {
            let mut stepper = method(name).unwrap();
            run(&mut *stepper, rhs, (0.0, 5.0), &u0, &settings).unwrap()
        };
        let (a, stats) = solve(&one_by_one);
        let (b, same) = solve(&together);
        assert_eq!((a, stats.events), (b, same.events), "{name}");
        assert!(stats.events > 500, "{name}");
        assert_eq!(asked.load(Ordering::Relaxed), 2 * stats.events, "{name}");
    }
}
