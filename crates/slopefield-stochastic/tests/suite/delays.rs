//! Equations with noise and delays against exact paths and moments.
use crate::common;

use common::*;
use slopefield_kernel::{
    Calculus, Cotangent, DelayedRead, Delays, Event, Events, Kernel, Noise, NoiseKind, Point,
    Shape, Structure, Tangent, Trigger,
};
use slopefield_solve::{Ivp, Real, Settings, SolveError, Stats, Stepper, delay_method, drive};
use slopefield_stochastic::{BrownianMotion, Process, method, method_info, methods};
use std::sync::Arc;

/// One state with noise; drift and coefficients take the state and its value `lag` ago.
struct Delayed {
    drift: Function,
    noise: Function,
    kind: NoiseKind,
    calculus: Calculus,
    lag: Function,
    constant: bool,
    slope: bool,
    history: Function,
    /// A dose of 1 at 1/2.
    dose: Option<(Function, Function)>,
}

fn function(states: usize, value: Value) -> Function {
    Function { states, params: 0, outputs: 1, value, along: NO_CHANGE }
}

impl Delayed {
    fn new(drift: Value, noise: Value, lag: Value) -> Self {
        Delayed {
            drift: function(2, drift),
            noise: function(2, noise),
            kind: NoiseKind::Diagonal,
            calculus: Calculus::Ito,
            lag: function(2, lag),
            constant: true,
            slope: false,
            history: function(0, |_, _, _, out| out[0] = 1.0),
            dose: None,
        }
    }
}

/// What a [`Delayed`] hands out by reference.
struct Whole {
    delayed: Delayed,
    reads: [DelayedRead; 1],
    constant: [bool; 1],
    list: Vec<Event>,
    affects64: Vec<Arc<dyn Kernel<f64>>>,
    affects32: Vec<Arc<dyn Kernel<f32>>>,
}

impl Whole {
    fn new(delayed: Delayed) -> Self {
        let reads = [DelayedRead { state: 0, lag: 0, slope: delayed.slope }];
        let mut whole = Whole {
            reads,
            constant: [delayed.constant],
            list: Vec::new(),
            affects64: Vec::new(),
            affects32: Vec::new(),
            delayed,
        };
        if let Some((affect, _)) = whole.delayed.dose {
            whole.list.push(Event { trigger: Trigger::At(0..1), affect: Some(0), stop: false });
            whole.affects64.push(Arc::new(affect));
            whole.affects32.push(Arc::new(affect));
        }
        whole
    }
}

macro_rules! kernel {
    ($t:ident, $affects:ident) => {
        impl Kernel<$t> for Whole {
            fn shape(&self) -> Shape {
                Kernel::<$t>::shape(&self.delayed.drift)
            }
            fn scratch_len(&self) -> usize {
                0
            }
            fn eval(&self, t: $t, u: &[$t], p: &[$t], out: &mut [$t], scratch: &mut [$t]) {
                self.delayed.drift.eval(t, u, p, out, scratch);
            }
            fn jvp(
                &self,
                at: Point<'_, $t>,
                along: Tangent<'_, $t>,
                out: &mut [$t],
                dout: &mut [$t],
                scratch: &mut [$t],
            ) {
                self.delayed.drift.jvp(at, along, out, dout, scratch);
            }
            fn vjp(
                &self,
                at: Point<'_, $t>,
                w: &[$t],
                grad: Cotangent<'_, $t>,
                scratch: &mut [$t],
            ) {
                self.delayed.drift.vjp(at, w, grad, scratch);
            }
            fn structure(&self) -> Structure<'_, $t> {
                Structure {
                    noise: Some(Noise {
                        coefficients: &self.delayed.noise,
                        sources: 1,
                        kind: self.delayed.kind,
                        calculus: self.delayed.calculus,
                        hessian: None,
                    }),
                    delays: Some(Delays {
                        reads: &self.reads,
                        lags: &self.delayed.lag,
                        constant: &self.constant,
                        history: &self.delayed.history,
                        jumps_at_start: false,
                    }),
                    events: self.delayed.dose.as_ref().map(|(_, times)| Events {
                        list: &self.list,
                        roots: None,
                        times: Some(times),
                        affects: &self.$affects,
                    }),
                    ..Structure::default()
                }
            }
        }
    };
}

kernel!(f64, affects64);
kernel!(f32, affects32);

fn solve<T: Real>(
    stepper: &mut dyn Stepper<T>,
    rhs: &dyn Kernel<T>,
    saves: &[f64],
    settings: &Settings,
) -> Result<(Vec<T>, Stats), SolveError> {
    let t1 = saves[saves.len() - 1];
    let ivp = Ivp { rhs, t0: 0.0, t1, u0: &[T::ONE], p: &[] };
    let mut out = vec![T::ZERO; saves.len()];
    let stats = drive(stepper, &ivp, settings, saves, &mut out, None)?;
    Ok((out, stats))
}

/// `dX = X(t − 1) dt + σ dW` with history 1.
fn driven() -> Whole {
    let mut delayed = Delayed::new(
        |_, u, _, out| out[0] = u[1],
        |_, _, _, out| out[0] = SIGMA,
        |_, _, _, out| out[0] = 1.0,
    );
    delayed.kind = NoiseKind::Additive;
    Whole::new(delayed)
}

const SIGMA: f64 = 0.5;

/// Its solution at 2 on a path: `X(1) + ∫_0^1 (1 + s + σ W(s)) ds + σ (W(2) − W(1))`, where the
/// integral of the motion is known.
fn driven_exact(settings: &Settings) -> f64 {
    let mut motion = BrownianMotion::default();
    motion.start(settings.seed, settings.path, 1).unwrap();
    let (mut first, mut area, mut second, mut unused) = ([0.0], [0.0], [0.0], [0.0]);
    motion.increment(0.0, 1.0, &mut first, &mut area);
    motion.increment(1.0, 2.0, &mut second, &mut unused);
    let integral = area[0] + 0.5 * first[0];
    let at_one = 2.0 + SIGMA * first[0];
    at_one + 1.5 + SIGMA * (integral + second[0])
}

fn root_mean_square(errors: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = errors.fold((0.0, 0.0), |(sum, n), e| (sum + e * e, n + 1.0));
    (sum / n).sqrt()
}

#[test]
fn additive_noise_converges_with_order_one_on_every_path() {
    let system = driven();
    let mut points = Vec::new();
    for level in 4..8 {
        let h = 0.5_f64.powi(level);
        let error = |path| {
            let settings = fixed(h, path);
            let mut em = method("em").unwrap();
            let (u, stats) = solve(&mut *em, &system, &[2.0], &settings).unwrap();
            assert_eq!(stats.accepted, 2 << level);
            u[0] - driven_exact(&settings)
        };
        points.push((h, root_mean_square((0..300).map(error))));
    }
    let order = slope(&points);
    assert!((order - 1.0).abs() < 0.15, "{order} {points:?}");
}

/// `dX = X dt/2 + b X(t − 1) dW` with history 1 and its second moment
/// `v' = v + b² v(t − 1)`.
fn multiplicative(lag: Value) -> Whole {
    Whole::new(Delayed::new(
        |_, u, _, out| out[0] = 0.5 * u[0],
        |_, u, _, out| out[0] = 0.6 * u[1],
        lag,
    ))
}

#[test]
fn moments_with_noise_that_looks_back() {
    let system = multiplicative(|_, _, _, out| out[0] = 1.0);
    let count = 4000;
    let mut em = method("em").unwrap();
    let values: Vec<f64> = (0..count)
        .map(|path| solve(&mut *em, &system, &[2.0], &fixed(1.0 / 128.0, path)).unwrap().0[0])
        .collect();
    let n = count as f64;
    let mean = values.iter().sum::<f64>() / n;
    let second = values.iter().map(|x| x * x).sum::<f64>() / n;
    let fourth = values.iter().map(|x| x.powi(4)).sum::<f64>() / n;
    // a = 1/2, c = b²/2a; v = (1 + c) e^t − c on [0, 1], and once more through the equation.
    let (e, c) = (1.0_f64.exp(), 0.36_f64);
    let at_one = (1.0 + c) * e - c;
    let exact = e * at_one + 0.36 * ((1.0 + c) * e - c * (e - 1.0));
    let error = ((fourth - second * second) / n).sqrt();
    // Steps of 1/128 are off by some of them.
    assert!((second - exact).abs() < 3.0 * error + 0.02 * exact, "{second} ± {error} for {exact}");
    let spread = ((second - mean * mean) / n).sqrt();
    assert!((mean - e).abs() < 3.0 * spread + 0.01, "{mean} ± {spread} for {e}");
}

/// Against much shorter steps on the same motion, with a delay that is no multiple of
/// steps: what lies between their ends counts.
#[test]
fn noise_that_looks_back_converges_with_order_one_half() {
    let system = multiplicative(|_, _, _, out| out[0] = 0.3);
    let end = |h: f64, path| {
        let mut em = method("em").unwrap();
        solve(&mut *em, &system, &[1.0], &fixed(h, path)).unwrap().0[0]
    };
    let finest: Vec<f64> = (0..200).map(|path| end(0.5_f64.powi(11), path)).collect();
    let points: Vec<(f64, f64)> = [4, 5, 6, 7]
        .map(|level| {
            let h = 0.5_f64.powi(level);
            (h, root_mean_square((0..200).map(|path| end(h, path) - finest[path as usize])))
        })
        .to_vec();
    let order = slope(&points);
    assert!((0.4..0.8).contains(&order), "{order} {points:?}");
}

#[test]
fn without_noise_it_is_a_delay_equation() {
    // x' = −x(t − 1) + x/4: against the method of steps.
    let system = Whole::new(Delayed::new(
        |_, u, _, out| out[0] = 0.25 * u[0] - u[1],
        |_, _, _, out| out[0] = 0.0,
        |_, _, _, out| out[0] = 1.0,
    ));
    struct Quiet<'a>(&'a Whole);
    impl Kernel for Quiet<'_> {
        fn shape(&self) -> Shape {
            Kernel::<f64>::shape(self.0)
        }
        fn scratch_len(&self) -> usize {
            0
        }
        fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
            self.0.eval(t, u, p, out, scratch);
        }
        fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
            unreachable!("explicit methods evaluate only");
        }
        fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
            unreachable!("explicit methods evaluate only");
        }
        fn structure(&self) -> Structure<'_> {
            Structure { noise: None, ..Kernel::<f64>::structure(self.0) }
        }
    }
    let saves = [0.4, 1.3, 2.6, 3.5];
    let tight = Settings::with_tolerances(1e-10, 1e-10);
    let exact = solve(&mut *delay_method("vern7").unwrap(), &Quiet(&system), &saves, &tight);
    let exact = exact.unwrap().0;
    let mut errors = Vec::new();
    for level in [6, 8] {
        let settings = fixed(0.5_f64.powi(level), 0);
        let found = solve(&mut *method("em").unwrap(), &system, &saves, &settings).unwrap().0;
        errors.push(found.iter().zip(&exact).fold(0.0_f64, |w, (a, b)| w.max((a - b).abs())));
    }
    assert!(errors[0] < 0.05 && (errors[0] / errors[1] / 4.0 - 1.0).abs() < 0.15, "{errors:?}");
}

#[test]
fn adaptive_steps_keep_to_the_delay_and_the_motion() {
    let system = driven();
    let mut errors = Vec::new();
    for rtol in [1e-2, 1e-3] {
        let error = |path| {
            let settings = Settings { seed: 9, path, ..Settings::with_tolerances(rtol, rtol) };
            let (u, stats) =
                solve(&mut *method("em").unwrap(), &system, &[2.0], &settings).unwrap();
            assert!(stats.accepted >= 2, "steps are at most as long as the delay");
            u[0] - driven_exact(&settings)
        };
        errors.push(root_mean_square((0..200).map(error)));
    }
    assert!(errors[0] < 0.1 && errors[1] < 0.4 * errors[0], "{errors:?}");
}

#[test]
fn events_enter_the_past() {
    // dX = 0: a dose of 1 at 1/2 makes X = 2, and X' = X(t − 1) sees it from 3/2 on.
    let mut delayed = Delayed::new(
        |_, u, _, out| out[0] = u[1],
        |_, _, _, out| out[0] = 0.0,
        |_, _, _, out| out[0] = 1.0,
    );
    delayed.dose = Some((
        function(2, |_, u, _, out| out[0] = u[0] + 1.0),
        function(0, |_, _, _, out| out[0] = 0.5),
    ));
    let system = Whole::new(delayed);
    let settings = fixed(0.5_f64.powi(10), 0);
    let (u, stats) =
        solve(&mut *method("em").unwrap(), &system, &[0.25, 0.5, 1.0, 1.5, 2.0], &settings)
            .unwrap();
    // 1 + t, then 2 + t; from 1 on ∫ (1 + s), from 3/2 on with 1 more.
    let exact = [1.25, 2.5, 3.0, 3.0 + 0.625, 3.0 + 1.5 + 0.5];
    for (found, exact) in u.iter().zip(exact) {
        assert!((found - exact).abs() < 3e-3, "{u:?}");
    }
    assert_eq!(stats.events, 1);
}

#[test]
fn stratonovich_and_single_precision() {
    // The noise of the present is converted, that of the past is not: g = X(t − 1) has no
    // correction.
    let both = [Calculus::Ito, Calculus::Stratonovich].map(|calculus| {
        let mut system = multiplicative(|_, _, _, out| out[0] = 1.0);
        system.delayed.calculus = calculus;
        let settings = fixed(1.0 / 256.0, 4);
        solve::<f64>(&mut *method("em").unwrap(), &system, &[2.0], &settings).unwrap().0[0]
    });
    assert_eq!(both[0], both[1]);
    let system = multiplicative(|_, _, _, out| out[0] = 1.0);
    let mut single = (method_info("em").unwrap().single)();
    let settings = fixed(1.0 / 256.0, 4);
    let found = solve::<f32>(&mut *single, &system, &[2.0], &settings).unwrap().0[0];
    assert!((f64::from(found) - both[0]).abs() < 1e-4 * both[0].abs().max(1.0), "{found} {both:?}");
}

#[test]
fn an_instance_can_be_used_again_and_paths_are_their_own() {
    let system = multiplicative(|_, _, _, out| out[0] = 0.3);
    let mut em = method("em").unwrap();
    let mut run =
        |path| solve::<f64>(&mut *em, &system, &[0.7, 1.0], &fixed(1.0 / 64.0, path)).unwrap().0;
    let first = run(1);
    assert_ne!(first, run(2));
    assert_eq!(first, run(1));
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let refusal = |id: &str, system: &Whole| {
        let settings = Settings::default();
        let mut stepper = method(id).unwrap();
        solve::<f64>(&mut *stepper, system, &[1.0], &settings).unwrap_err().to_string()
    };
    for info in methods().filter(|info| info.process == Process::Diffusion && info.id != "em") {
        let text = refusal(info.id, &driven());
        let expected = "solves no equations with delays; em does, with constant ones";
        assert!(text.starts_with("the method ") && text.ends_with(expected), "{text}");
    }
    for info in methods().filter(|info| info.process == Process::Jumps) {
        let text = refusal(info.id, &driven());
        assert!(text.contains("noise, a mass matrix or delays"), "{}: {text}", info.id);
    }
    let changing = || Delayed { constant: false, ..driven().delayed };
    let text = refusal("em", &Whole::new(changing()));
    assert!(text.contains("constant delays only"), "{text}");
    let slopes = Delayed { slope: true, ..driven().delayed };
    let text = refusal("em", &Whole::new(slopes));
    assert!(text.contains("a delayed slope cannot be read"), "{text}");
    let future = multiplicative(|_, _, _, out| out[0] = -0.5);
    let text = refusal("em", &future);
    assert_eq!(text, "lag 0 is -0.5 at t = 0; lags are 0 or more");
    // The method of steps has no noise and no jumps.
    for id in ["tsit5", "radau"] {
        let settings = Settings::default();
        let mut stepper = delay_method(id).unwrap();
        let found = solve(&mut *stepper, &driven(), &[1.0], &settings);
        let text = found.unwrap_err().to_string();
        assert_eq!(text, "there is no method for systems with both delays and noise");
    }
}
