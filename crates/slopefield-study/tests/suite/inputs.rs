//! Models driven by data: solutions against formulas, gradients against differences of the same
//! steps, and every other function of a system that an input may stand in.

use slopefield_adjoint::{
    Case, DiscreteAdjoint, ForwardSensitivity, GradientMethod, Replay, check,
};
use slopefield_graph::BuiltinNetworks;
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use slopefield_lang::Interpolation::{self, Cubic, Linear, Previous};
use slopefield_solve::{Ivp, Settings, tableau};
use slopefield_study::simulate::simulate;
use slopefield_study::{
    BuiltinSolvers, CompiledModel, Signal, Signals, SimulateOptions, Simulated, StudyError,
};
use std::sync::Arc;

/// Rain of a few days, at uneven times.
const TIMES: [f64; 7] = [0.0, 0.7, 1.0, 2.5, 3.0, 4.2, 5.0];
const RAIN: [f64; 7] = [0.0, 2.0, 2.0, 7.5, 0.0, 0.0, 3.0];

fn signal(interpolation: Interpolation) -> Signal {
    let points = TIMES.iter().copied().zip(RAIN);
    Signal::new("rain", interpolation, points).unwrap()
}

fn compiled(text: &str) -> CompiledModel {
    CompiledModel::new(text, &BuiltinNetworks).unwrap()
}

fn driven(text: &str, signals: Vec<Signal>) -> CompiledModel {
    compiled(text).with_signals(Arc::new(Signals::new(signals))).unwrap()
}

fn options(at: &[f64], method: &str, tolerance: f64) -> SimulateOptions {
    SimulateOptions {
        from: at[0],
        at: at.to_vec(),
        method: method.into(),
        settings: Settings::with_tolerances(tolerance, tolerance),
        paths: None,
    }
}

fn solved(model: &CompiledModel, options: &SimulateOptions) -> Simulated {
    let p = model.start_params(1);
    let u0 = model.initial_state(options.from, &p, &[]);
    simulate(model, &p, &u0, options, &BuiltinSolvers).unwrap()
}

/// `x' = -k x + u` from `x(0) = x0` at ascending times, with `u` in straight pieces between the
/// points (level ones for `Previous`) and constant beyond them: piece by piece
/// `x = C e^{-k s} + (a/k - b/k²) + (b/k) s`.
fn reservoir(interpolation: Interpolation, k: f64, x0: f64, at: &[f64]) -> Vec<f64> {
    let last = TIMES.len() - 1;
    let value = |t: f64| {
        let mut x = x0;
        let mut i = 0;
        loop {
            let (start, end) = (TIMES[i], if i == last { f64::INFINITY } else { TIMES[i + 1] });
            let slope = match interpolation {
                Linear if i < last => (RAIN[i + 1] - RAIN[i]) / (end - start),
                _ => 0.0,
            };
            let level = RAIN[i] / k - slope / (k * k);
            let s = t.min(end) - start;
            x = (x - level) * (-k * s).exp() + level + slope / k * s;
            if t <= end {
                return x;
            }
            i += 1;
        }
    };
    at.iter().map(|t| value(*t)).collect()
}

fn model_text(interpolation: Interpolation) -> String {
    format!(
        "param k = 1.3, gain = 1\nstate x = 0.5\ninput rain = column(\"rain\", {})\n\
         let flow = k*x\nx' = gain*rain - flow\nobserve q = flow + 0*rain\n",
        interpolation.word()
    )
}

fn largest_error(found: &[f64], exact: &[f64]) -> f64 {
    assert_eq!(found.len(), exact.len());
    found.iter().zip(exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Save times within the data, at knots and between them.
fn spread(to: f64) -> Vec<f64> {
    let mut at: Vec<f64> = (0..=60).map(|i| to * f64::from(i) / 60.0).collect();
    at.extend(TIMES.iter().filter(|t| **t <= to));
    at.sort_by(f64::total_cmp);
    at.dedup();
    at
}

#[test]
fn steps_and_ramps_are_solved_to_the_tolerance_by_every_kind_of_method() {
    let at = spread(5.0);
    for interpolation in [Previous, Linear] {
        let model = driven(&model_text(interpolation), vec![signal(interpolation)]);
        let exact = reservoir(interpolation, 1.3, 0.5, &at);
        let methods = [
            ("tsit5", 1e-12, 1e-10),
            ("vern7", 1e-12, 1e-10),
            ("vern9", 1e-12, 1e-10),
            ("dp5", 1e-12, 1e-10),
            ("bs3", 1e-10, 1e-8),
            ("rodas5p", 1e-12, 1e-10),
            ("rosenbrock23", 1e-8, 1e-5),
            ("kvaerno5", 1e-11, 1e-9),
            ("kencarp4", 1e-10, 1e-8),
            ("trbdf2", 1e-9, 1e-6),
            ("radau", 1e-12, 1e-9),
            ("bdf", 1e-11, 1e-8),
            ("vcabm", 1e-12, 1e-10),
            ("rkc2", 1e-8, 1e-5),
            ("auto-switch", 1e-12, 1e-10),
        ];
        for (method, tolerance, allowed) in methods {
            let found = solved(&model, &options(&at, method, tolerance));
            let error = largest_error(&found.states[0], &exact);
            assert!(error < allowed, "{method}, {interpolation:?}: {error:e}");
            assert!(found.stats.accepted < 20_000, "{method}: {:?}", found.stats);
        }
    }
}

#[test]
fn terms_treated_apart_are_driven_as_well() {
    // The rest is the rain alone, which the method integrates exactly when it is level.
    let model = driven(&model_text(Previous), vec![signal(Previous)]);
    // At the jumps, where steps end: between them a cubic stands for the solution.
    let at = [0.0, 0.7, 2.5, 3.0, 5.0];
    let found = solved(&model, &options(&at, "etdrk4", 1e-8));
    let error = largest_error(&found.states[0], &reservoir(Previous, 1.3, 0.5, &at));
    assert!(error < 1e-12, "{error:e}");
    assert!(found.stats.accepted < 100, "{:?}", found.stats);
}

#[test]
fn solving_backward_meets_the_jumps_from_the_other_side() {
    let forward = spread(5.0);
    let at: Vec<f64> = forward.iter().rev().copied().collect();
    for interpolation in [Previous, Linear] {
        let exact = reservoir(interpolation, 1.3, 0.5, &forward);
        for method in ["tsit5", "rodas5p", "radau", "bdf"] {
            let model = driven(&model_text(interpolation), vec![signal(interpolation)]);
            let p = model.start_params(1);
            let options = options(&at, method, 1e-12);
            let u0 = [exact[exact.len() - 1]];
            let found = simulate(&model, &p, &u0, &options, &BuiltinSolvers).unwrap();
            let back: Vec<f64> = found.states[0].iter().rev().copied().collect();
            let error = largest_error(&back, &exact);
            // Backward, errors grow by e^{1.3·5}.
            assert!(error < if method == "bdf" { 1e-5 } else { 1e-8 }, "{method}: {error:e}");
        }
    }
}

#[test]
fn stepping_onto_the_jumps_is_what_makes_it_accurate_and_cheap() {
    // The same numbers without the breaks: a kernel that hides them.
    struct Hidden(Arc<dyn Kernel>);
    impl Kernel for Hidden {
        fn shape(&self) -> slopefield_kernel::Shape {
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
    }
    let model = driven(&model_text(Previous), vec![signal(Previous)]);
    let hidden = Hidden(model.rhs.clone());
    let p = model.start_params(1);
    let at = [0.0, 5.0];
    let exact = reservoir(Previous, 1.3, 0.5, &at)[1];
    let settings = Settings::with_tolerances(1e-10, 1e-10);
    let run = |rhs: &dyn Kernel| {
        let ivp = Ivp { rhs, t0: 0.0, t1: 5.0, u0: &[0.5], p: &p };
        let mut stepper = slopefield_solve::method("tsit5").unwrap();
        let mut end = [0.0];
        let stats = slopefield_solve::drive(&mut *stepper, &ivp, &settings, &[5.0], &mut end, None);
        (stats.unwrap(), (end[0] - exact).abs())
    };
    let ((with, error), (without, _)) = (run(&*model.rhs), run(&hidden));
    assert!(error < 1e-9, "{error:e}");
    assert!(with.rejected <= 1, "{with:?}");
    assert!(without.rejected > 30, "{without:?}");
}

#[test]
fn a_cubic_signal_is_the_natural_spline() {
    // 1.5 t - t³/2 and its mirror image.
    let points = [(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)];
    let spline = Signal::new("u", Cubic, points.into_iter()).unwrap();
    for t in [0.0, 0.1, 0.5, 0.99, 1.0, 1.3, 1.9] {
        let s: f64 = if t <= 1.0 { t } else { 2.0 - t };
        let (value, slope) = (1.5 * s - 0.5 * s.powi(3), 1.5 - 1.5 * s * s);
        let slope = if t < 1.0 { slope } else { -slope };
        let found = spline.at(t);
        assert!((found.0 - value).abs() < 1e-15 && (found.1 - slope).abs() < 1e-14, "{t}");
    }
    let model = driven("state x = 0\ninput u = column(\"u\", cubic)\nx' = u\n", vec![spline]);
    let found = solved(&model, &options(&[0.0, 1.0, 2.0, 3.0], "vern7", 1e-12));
    let area = 0.75 - 0.125;
    let error = largest_error(&found.states[0], &[0.0, area, 2.0 * area, 2.0 * area]);
    assert!(error < 1e-11, "{error:e}");
    assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
    assert!(found.notes[0].contains("`u` end at t = 2"), "{:?}", found.notes);
}

#[test]
fn gradients_of_the_very_steps_go_through_jumps_and_corners() {
    let saves: Vec<f64> = spread(5.0).into_iter().filter(|t| *t > 0.0).collect();
    let settings = Settings::with_tolerances(1e-6, 1e-8);
    for interpolation in [Previous, Linear, Cubic] {
        let text = format!(
            "param k = 1.3, gain = 0.8, m = 0.4\nstate x = 0.5, y = 0.2\n\
             input rain = column(\"rain\", {})\n\
             x' = gain*rain - k*x*y^2 - m*x\ny' = rain*k/(1 + x^2) - y\n",
            interpolation.word()
        );
        let model = driven(&text, vec![signal(interpolation)]);
        let p = model.start_params(1);
        let u0 = model.initial_state(0.0, &p, &[]);
        let ivp = Ivp { rhs: &*model.rhs, t0: 0.0, t1: 5.0, u0: &u0, p: &p };
        let case = Case { ivp, settings: &settings, saves: &saves };
        let mut squares = |u: &[f64], slope: &mut [f64]| {
            slope.copy_from_slice(u);
            0.5 * u.iter().map(|x| x * x).sum::<f64>()
        };
        for id in ["tsit5", "dp5", "vern7", "bs3"] {
            let table = tableau(id).unwrap();
            let methods: [Box<dyn GradientMethod>; 2] =
                [Box::new(DiscreteAdjoint::new(table)), Box::new(ForwardSensitivity::new(table))];
            for mut method in methods {
                let replay = Replay::Frozen(table);
                let report = check(&mut *method, &case, replay, &mut squares, 4, 7).unwrap();
                assert!(report.worst() < 1e-9, "{id}, {interpolation:?}: {report:?}");
            }
        }
    }
}

#[test]
fn products_take_the_slope_of_the_signal_as_derivative_by_time() {
    let text = "param a = 2\nstate x = 1\ninput rain = column(\"rain\", linear)\n\
                x' = a*rain*x + t\n";
    let model = driven(text, vec![signal(Linear)]);
    let (rhs, p, u) = (&*model.rhs, [2.0], [3.0]);
    let mut scratch = vec![0.0; rhs.scratch_len()];
    // Between 1.0 and 2.5 it rises by 5.5.
    let (t, rain, slope) = (2.0, 2.0 + 5.5 / 1.5, 5.5 / 1.5);
    let (mut out, mut dout) = ([0.0], [0.0]);
    let along = Tangent { t: 0.7, u: &[0.2], p: &[0.1] };
    rhs.jvp(Point { t, u: &u, p: &p }, along, &mut out, &mut dout, &mut scratch);
    let by_t = 2.0 * slope * 3.0 + 1.0;
    let expected = by_t * 0.7 + 2.0 * rain * 0.2 + rain * 3.0 * 0.1;
    assert!((out[0] - (2.0 * rain * 3.0 + t)).abs() < 1e-13);
    assert!((dout[0] - expected).abs() < 1e-13, "{} {expected}", dout[0]);
    let (mut dt, mut du, mut dp) = (1.0, [1.0], [1.0]);
    let grad = Cotangent { t: &mut dt, u: &mut du, p: &mut dp };
    rhs.vjp(Point { t, u: &u, p: &p }, &[0.5], grad, &mut scratch);
    for (found, expected) in [(dt, by_t), (du[0], 2.0 * rain), (dp[0], rain * 3.0)] {
        assert!((found - (1.0 + 0.5 * expected)).abs() < 1e-13, "{found} {expected}");
    }
    let jacobian = rhs.structure().jacobian.unwrap();
    let (mut entries, mut scratch) = ([0.0], vec![0.0; jacobian.scratch_len()]);
    assert_eq!(jacobian.pattern().width(), 1);
    jacobian.eval(t, &u, &p, &mut entries, &mut scratch);
    assert!((entries[0] - 2.0 * rain).abs() < 1e-13);
}

#[test]
fn products_with_second_derivatives_follow_the_signal() {
    let text = "param a = 2\nstate x = 1, y = 2\ninput rain = column(\"rain\", cubic)\n\
                x' = a*rain^2*x + t*y\ny' = sin(rain)*x*y - a^2*rain*t\n";
    let model = driven(text, vec![signal(Cubic)]);
    let (rhs, w) = (&*model.rhs, [0.7, -1.3]);
    let gradient = |t: f64, u: &[f64], p: &[f64]| {
        let (mut dt, mut du, mut dp) = (0.0, vec![0.0; 2], vec![0.0]);
        let mut scratch = vec![0.0; rhs.scratch_len()];
        let grad = Cotangent { t: &mut dt, u: &mut du, p: &mut dp };
        rhs.vjp(Point { t, u, p }, &w, grad, &mut scratch);
        [dt, du[0], du[1], dp[0]]
    };
    let (t, u, p) = (1.7, [1.1, 0.4], [2.0]);
    let (st, su, sp) = (0.3, [0.5, -0.8], [0.9]);
    let hessian = rhs.structure().hessian.unwrap();
    let mut scratch = vec![0.0; hessian.scratch_len()];
    let (mut dt, mut du, mut dp) = (0.0, vec![0.0; 2], vec![0.0]);
    let grad = Cotangent { t: &mut dt, u: &mut du, p: &mut dp };
    let along = Tangent { t: st, u: &su, p: &sp };
    hessian.hvp(Point { t, u: &u, p: &p }, along, &w, grad, &mut scratch);
    let moved =
        |h: f64| gradient(t + h * st, &[u[0] + h * su[0], u[1] + h * su[1]], &[p[0] + h * sp[0]]);
    // Central differences of order 4.
    let h = 1e-3;
    let (one, two, back, far) = (moved(h), moved(2.0 * h), moved(-h), moved(-2.0 * h));
    for (i, found) in [dt, du[0], du[1], dp[0]].into_iter().enumerate() {
        let difference = (8.0 * (one[i] - back[i]) - (two[i] - far[i])) / (12.0 * h);
        let error = (found - difference).abs() / (1.0 + difference.abs());
        assert!(error < 1e-9, "{i}: {found} {difference}");
    }
}

#[test]
fn algebraic_variables_follow_a_jump() {
    let text = "state x = 0.5\nalgebraic y = 0\ninput rain = column(\"rain\", previous)\n\
                x' = y - 1.3*x\n0 = y + y^3/10 - rain - rain^3/10\nobserve q = y\n";
    let model = driven(text, vec![signal(Previous)]);
    let at = spread(5.0);
    let exact = reservoir(Previous, 1.3, 0.5, &at);
    for method in ["rodas5p", "radau", "bdf", "auto"] {
        let method = model.choose_solver(method, 1e-10).method;
        let found = solved(&model, &options(&at, &method, 1e-10));
        let allowed = if method == "bdf" { 1e-6 } else { 1e-7 };
        let error = largest_error(&found.states[0], &exact);
        assert!(error < allowed, "{method}: {error:e}");
        let rain: Vec<f64> = at.iter().map(|t| signal(Previous).at(*t).0).collect();
        let error = largest_error(&found.observations[0], &rain);
        assert!(error < allowed, "{method}: {error:e}");
    }
}

#[test]
fn delayed_states_see_the_jumps_again() {
    // x is as above, and y' = x(t - 1) - y.
    let text = "state x = 0.5, y = 0\ninput rain = column(\"rain\", previous)\n\
                x' = rain - 1.3*x\ny' = delay(x, 1) - y\nhistory x = 0.5\n";
    let model = driven(text, vec![signal(Previous)]);
    let at = [0.0, 1.0, 2.0, 3.5, 5.0];
    let found = solved(&model, &options(&at, "tsit5", 1e-11));
    assert!(largest_error(&found.states[0], &reservoir(Previous, 1.3, 0.5, &at)) < 1e-9);
    // By quadrature of the formula, panel by panel between the shifted knots.
    let mut y = 0.0;
    let mut knots: Vec<f64> =
        TIMES.iter().map(|t| t + 1.0).chain(at).filter(|t| *t <= 5.0).collect();
    knots.push(0.0);
    knots.sort_by(f64::total_cmp);
    knots.dedup();
    let mut reached = vec![(0.0, 0.0)];
    for pair in knots.windows(2) {
        let (a, h) = (pair[0], pair[1] - pair[0]);
        let x = |t: f64| match t <= 1.0 {
            true => 0.5,
            false => reservoir(Previous, 1.3, 0.5, &[t - 1.0])[0],
        };
        // Simpson's rule on 400 panels.
        let f = |t: f64| x(t) * (t - pair[1]).exp();
        let panels = 400;
        let sum: f64 = (0..panels)
            .map(|i| {
                let left = a + h * f64::from(i) / f64::from(panels);
                let width = h / f64::from(panels);
                width / 6.0 * (f(left) + 4.0 * f(left + 0.5 * width) + f(left + width))
            })
            .sum();
        y = y * (-h).exp() + sum;
        reached.push((pair[1], y));
    }
    for (i, t) in at.iter().enumerate() {
        let (_, exact) = reached.iter().find(|(known, _)| known == t).unwrap();
        let error = (found.states[1][i] - exact).abs();
        assert!(error < 1e-8, "{t}: {error:e}");
    }
}

/// Final states of a model with one event, by method.
fn with_event(event: &str, at: &[f64], method: &str) -> Vec<f64> {
    let text = format!(
        "state x = 0, n = 0\ninput rain = column(\"rain\", previous)\nx' = 1\nn' = 0\n{event}\n"
    );
    let model = driven(&text, vec![signal(Previous)]);
    solved(&model, &options(at, method, 1e-9)).states[1].clone()
}

#[test]
fn a_crossing_at_the_very_end_happens() {
    for method in METHODS {
        let found = with_event("when rain crosses 1 rising: n += 1", &[2.0, 4.9, 5.0], method);
        assert_eq!(found, [0.0, 0.0, 1.0], "{method}");
    }
}

const METHODS: [&str; 4] = ["tsit5", "rodas5p", "bdf", "radau"];

#[test]
fn a_jump_of_an_input_is_crossed_once() {
    for method in METHODS {
        let event = "when rain crosses 1 rising: n += 1, x = 0";
        let found = with_event(event, &[0.0, 0.6, 0.7, 2.4, 2.5, 4.9], method);
        assert_eq!(found, [0.0, 0.0, 1.0, 1.0, 1.0, 1.0], "{method}");
        let event = "when rain crosses 1 falling: n += 1";
        assert_eq!(with_event(event, &[0.0, 2.9, 3.0, 4.9], method), [0.0, 0.0, 1.0, 1.0]);
    }
}

#[test]
fn events_at_the_time_of_a_jump_happen_once_and_read_the_later_value() {
    for method in METHODS {
        let found = with_event("at 2.5: n += rain", &[0.0, 2.4, 2.5, 4.9], method);
        assert_eq!(found, [0.0, 0.0, 7.5, 7.5], "{method}");
        let event = "every 0.5 from 0.5: n += 100";
        let found = with_event(event, &[0.0, 0.6, 1.0, 2.4, 2.5, 4.9], method);
        assert_eq!(found, [0.0, 100.0, 200.0, 400.0, 500.0, 900.0], "{method}");
    }
}

#[test]
fn noise_and_random_jumps_are_driven_too() {
    let text = "state x = 0\ninput rain = column(\"rain\", previous)\nnoise W\n\
                x' = rain - x + 0*rain*W'\n";
    let model = driven(text, vec![signal(Previous)]);
    let method = model.choose_solver("auto", 1e-3).method;
    let at = [0.0, 2.0, 4.0];
    let found = solved(&model, &options(&at, &method, 1e-6));
    let exact = reservoir(Previous, 1.0, 0.0, &at);
    assert!(largest_error(&found.states[0], &exact) < 1e-4, "{:?} {exact:?}", found.states[0]);
    // Arrivals at the rate 20·rain: their number is that of a Poisson process, on average
    // 20·∫rain = 20·(2·1.8 + 7.5·0.5) = 147 until t = 3, with variance 147.
    let text =
        "state n = 0\ninput rain = column(\"rain\", previous)\nn' = 0\njump rate 20*rain: n += 1\n";
    let model = driven(text, vec![signal(Previous)]);
    let method = model.choose_solver("auto", 1e-3).method;
    let runs = SimulateOptions { paths: Some(400), ..options(&[0.0, 3.0], &method, 1e-3) };
    let found = solved(&model, &runs);
    let (mean, deviation) = (found.states[0][1], found.spreads[0][1]);
    assert!((mean - 147.0).abs() < 5.0 * (147.0f64 / 400.0).sqrt(), "{mean}");
    assert!((deviation * deviation / 147.0 - 1.0).abs() < 0.4, "{deviation}");
}

#[test]
fn a_network_may_take_an_input() {
    let text = "state x = 0.5\ninput rain = column(\"rain\", linear)\n\
                network f: mlp(inputs: 2, outputs: 1, hidden: [4])\nx' = f(x, rain)\n";
    let model = driven(text, vec![signal(Linear)]);
    let p = model.start_params(3);
    let u0 = [0.5];
    let saves = [1.0, 2.5, 5.0];
    let ivp = Ivp { rhs: &*model.rhs, t0: 0.0, t1: 5.0, u0: &u0, p: &p };
    let settings = Settings::with_tolerances(1e-7, 1e-9);
    let case = Case { ivp, settings: &settings, saves: &saves };
    let mut squares = |u: &[f64], slope: &mut [f64]| {
        slope.copy_from_slice(u);
        0.5 * u.iter().map(|x| x * x).sum::<f64>()
    };
    let table = tableau("tsit5").unwrap();
    let mut method = DiscreteAdjoint::new(table);
    let replay = Replay::Frozen(table);
    let report = check(&mut method, &case, replay, &mut squares, 4, 7).unwrap();
    assert!(report.worst() < 1e-9, "{report:?}");
}

#[test]
fn without_data_a_driven_model_says_what_it_needs() {
    let model = compiled(&model_text(Linear));
    let p = model.start_params(1);
    let u0 = model.initial_state(0.0, &p, &[]);
    let found = simulate(&model, &p, &u0, &options(&[0.0, 1.0], "tsit5", 1e-6), &BuiltinSolvers);
    let Err(StudyError::Study(problems)) = found else { panic!("must be refused") };
    assert!(problems[0].message.contains("`rain`"), "{problems:?}");
}

#[test]
fn points_that_make_no_signal_are_refused_in_words() {
    let make = |kind, points: &[(f64, f64)]| {
        Signal::new("u", kind, points.iter().copied()).unwrap_err().to_string()
    };
    let few = make(Linear, &[(0.0, 1.0), (1.0, f64::NAN), (f64::NAN, 2.0)]);
    assert_eq!(few, "has 1 values, but linear interpolation needs at least 2");
    let few = make(Cubic, &[(0.0, 1.0), (1.0, 2.0)]);
    assert_eq!(few, "has 2 values, but cubic interpolation needs at least 3");
    let twice = make(Previous, &[(1.0, 1.0), (0.0, 0.0), (1.0, 2.0)]);
    assert_eq!(twice, "has two values at 1: 1 and 2");
    assert_eq!(make(Linear, &[(0.0, 1.0), (2.0, f64::INFINITY)]), "is infinite at 2");
    // Unsorted, and one point given twice.
    let points = [(2.0, 4.0), (0.0, 0.0), (2.0, 4.0)];
    let signal = Signal::new("u", Linear, points.into_iter()).unwrap();
    assert_eq!((signal.at(1.0), signal.range()), ((2.0, 2.0), (0.0, 2.0)));
}

mod studies {
    use super::*;
    use slopefield_study::resolve::{Resolved, resolve};
    use slopefield_study::{Prepared, StudyFile, TableData};
    use slopefield_train::{Methods, Objective, Start};
    use std::collections::BTreeMap;
    use std::path::Path;

    const MODEL: &str = "param k = 1, gain = 2\nstate x = 0.5\n\
                         input rain = column(\"rain\", previous)\nx' = gain*rain - k*x\nobserve y = x\n";

    fn study(text: &str) -> StudyFile {
        slopefield_study::load::parse(text, Path::new("study.toml")).unwrap()
    }

    fn table(columns: &[(&str, &[f64])]) -> TableData {
        let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
        TableData { numeric, text: vec![("note".into(), Vec::new())] }
    }

    /// The reservoir sampled between the knots, with another start and the rain doubled.
    fn tables() -> BTreeMap<String, TableData> {
        let nan = f64::NAN;
        let at = [0.3, 0.9, 1.8, 2.7, 3.5, 4.6];
        let mut t = TIMES.to_vec();
        t.extend(at);
        let column = |values: &[f64], before: bool| -> Vec<f64> {
            let empty = |n: usize| vec![nan; n];
            match before {
                true => [values, &empty(at.len())[..]].concat(),
                false => [&empty(TIMES.len())[..], values].concat(),
            }
        };
        let y = reservoir(Previous, 1.3, 0.5, &at);
        let twice: Vec<f64> = y.iter().map(|y| 2.0 * y).collect();
        let rain2: Vec<f64> = RAIN.iter().map(|r| 2.0 * r).collect();
        let (rain, double) = (column(&RAIN, true), column(&rain2, true));
        BTreeMap::from([
            ("one".to_owned(), table(&[("t", &t), ("rain", &rain), ("y", &column(&y, false))])),
            ("two".to_owned(), table(&[("t", &t), ("mm", &double), ("y", &column(&twice, false))])),
        ])
    }

    const STUDY: &str = "[data.one]\nfile = \"one\"\n[data.two]\nfile = \"two\"\n\
                         columns = { rain = \"mm\" }\n\
                         [[experiment]]\nname = \"one\"\ndata = \"one\"\n\
                         [[experiment]]\nname = \"two\"\ndata = \"two\"\nset = { x = 1 }\n\
                         [solver]\nrtol = 1e-10\natol = 1e-10\n";

    fn resolved(study_text: &str, tables: &BTreeMap<String, TableData>) -> Resolved {
        let (model, _) = slopefield_lang::check(MODEL);
        resolve(&model, &study(study_text), tables)
    }

    #[test]
    fn each_experiment_is_driven_by_its_own_table_and_training_finds_what_made_them() {
        let prepared =
            Prepared::new(MODEL, &study(STUDY), &tables(), &BuiltinNetworks, &BuiltinSolvers)
                .unwrap();
        assert_eq!(prepared.problem.driven.len(), 2);
        let methods = Methods {
            gradient: Arc::new(|_| Box::new(DiscreteAdjoint::named("tsit5").unwrap())),
            stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
            replay: Arc::new(|_, _| None),
        };
        let mut objective = Objective::new(prepared.problem.clone(), methods).unwrap();
        // At the truth both experiments fit, so both signals are the right ones.
        let at_truth = |objective: &Objective, experiment| {
            objective.predict(&[1.3, 1.0], experiment, &[2.7, 4.6]).unwrap()[0].clone()
        };
        let exact = reservoir(Previous, 1.3, 0.5, &[2.7, 4.6]);
        for (experiment, factor) in [(0, 1.0), (1, 2.0)] {
            let twice: Vec<f64> = exact.iter().map(|x| factor * x).collect();
            assert!(largest_error(&at_truth(&objective, experiment), &twice) < 1e-8);
        }
        let control = slopefield_train::Control::default();
        let fit = slopefield_train::train(
            &mut objective,
            &prepared.recipe,
            Start::Problem,
            &control,
            &mut |_| {},
        );
        assert!(fit.stop_reason.is_success(), "{:?}", fit.stop_reason);
        assert!(largest_error(&fit.theta, &[1.3, 1.0]) < 1e-6, "{:?}", fit.theta);
    }

    #[test]
    fn gradients_of_a_driven_study_are_those_of_its_differences() {
        let prepared =
            Prepared::new(MODEL, &study(STUDY), &tables(), &BuiltinNetworks, &BuiltinSolvers)
                .unwrap();
        for name in ["discrete", "forward"] {
            let worst =
                slopefield_study::gradient::check(&prepared, name, &BuiltinSolvers, 3).unwrap();
            assert!(worst < 1e-9, "{name}: {worst:e}");
        }
    }

    #[test]
    fn exact_gradients_of_implicit_steps_go_through_jumps() {
        for solver in ["rodas5p", "kvaerno5", "trbdf2", "radau"] {
            for kind in ["previous", "linear", "cubic"] {
                let model = MODEL.replace("previous", kind).replace("- k*x", "- k*x^2/(1 + x)");
                let text = STUDY.replace("[solver]", &format!("[solver]\nmethod = \"{solver}\""));
                let text = text.replace("1e-10", "1e-5");
                let (file, tables) = (study(&text), tables());
                let prepared =
                    Prepared::new(&model, &file, &tables, &BuiltinNetworks, &BuiltinSolvers)
                        .unwrap();
                for name in ["discrete", "forward"] {
                    let worst =
                        slopefield_study::gradient::check(&prepared, name, &BuiltinSolvers, 3)
                            .unwrap();
                    assert!(worst < 1e-8, "{name} through {solver}, {kind}: {worst:e}");
                }
            }
        }
    }

    #[test]
    fn the_continuous_adjoint_steps_onto_the_jumps_too() {
        let prepared =
            Prepared::new(MODEL, &study(STUDY), &tables(), &BuiltinNetworks, &BuiltinSolvers)
                .unwrap();
        let worst =
            slopefield_study::gradient::check(&prepared, "gauss", &BuiltinSolvers, 3).unwrap();
        assert!(worst < 1e-6, "{worst:e}");
    }

    #[test]
    fn gradients_across_jumps_of_algebraic_variables_are_refused() {
        let model = "param k = 1\nstate x = 0.5\nalgebraic y = 0\n\
                     input rain = column(\"rain\", previous)\nx' = y - k*x\n0 = y - rain\nobserve q = x\n";
        let model = model.replace("observe q", "observe y_seen");
        let text = "[data.one]\nfile = \"one\"\ncolumns = { y_seen = \"y\" }\n";
        let file = study(text);
        let prepared =
            Prepared::new(&model, &file, &tables(), &BuiltinNetworks, &BuiltinSolvers).unwrap();
        for name in ["discrete", "forward"] {
            let Err(error) = slopefield_study::gradient::check(&prepared, name, &BuiltinSolvers, 1)
            else {
                panic!("{name} must be refused");
            };
            assert!(error.to_string().contains("jumps of an input"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said_with_the_name_of_the_input() {
        let messages = |study: &str, tables: &BTreeMap<String, TableData>| -> Vec<String> {
            resolved(study, tables).problems.iter().map(ToString::to_string).collect()
        };
        assert!(resolved(STUDY, &tables()).ok(), "{:?}", messages(STUDY, &tables()));
        let without = STUDY.replace("columns = { rain = \"mm\" }\n", "");
        let found = messages(&without, &tables());
        let expected = "data.two.columns: the input `rain`: the table has no column `rain`";
        assert!(found.iter().any(|m| m.starts_with(expected)), "{found:?}");
        let text = STUDY.replace("rain = \"mm\"", "rain = \"note\"");
        let found = messages(&text, &tables());
        assert!(found.iter().any(|m| m.contains("the column `note` holds text")), "{found:?}");
        let text = STUDY.replace("rain = \"mm\"", "rani = \"mm\"");
        let found = messages(&text, &tables());
        assert!(found.iter().any(|m| m.contains("`rani`")), "{found:?}");
        // A gap in a table whose rows hold both.
        let shared = table(&[
            ("t", &[0.0, 1.0, 2.0, 3.0]),
            ("rain", &[1.0, f64::NAN, 2.0, 0.0]),
            ("y", &[0.1, 0.2, 0.3, 0.4]),
        ]);
        let one = "[data.one]\nfile = \"one\"\n";
        let found = messages(one, &BTreeMap::from([("one".to_owned(), shared)]));
        let gap = "1 row has no value of the input `rain`; it is interpolated across them";
        assert!(found.iter().any(|m| m.contains(gap)), "{found:?}");
        let few = table(&[("t", &[0.0, 1.0]), ("rain", &[1.0, f64::NAN]), ("y", &[0.1, 0.2])]);
        let found = messages(one, &BTreeMap::from([("one".to_owned(), few)]));
        assert!(found.iter().any(|m| m.contains("needs at least 2")), "{found:?}");
    }

    #[test]
    fn a_forecast_ends_with_the_inputs_unless_the_study_says_otherwise() {
        let default = resolved(STUDY, &tables());
        // A quarter beyond 4.6 would be 5.75; the rain ends at 5.
        assert_eq!(default.forecast_end(None), 5.0);
        assert!(!default.problems.iter().any(|p| p.message.contains("end at")));
        let text = format!("{STUDY}[forecast]\nuntil = 8\n");
        let longer = resolved(&text, &tables());
        assert_eq!(longer.forecast_end(Some(8.0)), 8.0);
        let said = "the data of the input `rain` end at t = 5; behind, it stays at its last value";
        assert!(longer.problems.iter().any(|p| p.message == said && !p.fatal), "{longer:?}");
    }
}
