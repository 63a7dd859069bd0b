//! Automatic switching: where it switches, what it reports, and that errors stay as they should.
use crate::common;

use common::{distance, end_state, ivp};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_problems::{
    Problem, brusselator_1d, hires, lotka_volterra, oregonator, oxygen_reduction, pollution,
    rigid_body, robertson, van_der_pol,
};
use slopefield_solve::switching::Side;
use slopefield_solve::{
    Ivp, Real, Settings, SolveError, Stats, Stepper, SwitchReport, Switching, drive, method,
};

fn solve(problem: &Problem, t1: f64, settings: &Settings) -> (Vec<f64>, Stats, SwitchReport) {
    let mut stepper = method("auto-switch").unwrap();
    let ivp = Ivp { t1, ..ivp(problem) };
    let (u, stats) = end_state(&mut *stepper, &ivp, settings).unwrap();
    (u, stats, stepper.switches().unwrap().clone())
}

/// `ε y'' = (1 − y²) y' − y` in the scaling of the test set.
struct VanDerPol {
    epsilon: f64,
}

impl<T: Real> Kernel<T> for VanDerPol {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 2 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: T, u: &[T], _: &[T], out: &mut [T], _: &mut [T]) {
        out[0] = u[1];
        out[1] = ((T::ONE - u[0] * u[0]) * u[1] - u[0]) / T::of(self.epsilon);
    }
    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        let (u, d) = (at.u, along.u);
        dout[0] = d[1];
        let change = (T::ONE - u[0] * u[0]) * d[1] - (T::of(2.0) * u[0] * u[1] + T::ONE) * d[0];
        dout[1] = change / T::of(self.epsilon);
    }
    fn vjp(&self, _: Point<'_, T>, _: &[T], _: Cotangent<'_, T>, _: &mut [T]) {
        unreachable!("no reverse products here");
    }
}

#[test]
fn problems_that_are_not_stiff_keep_the_explicit_method_and_its_very_steps() {
    for problem in [lotka_volterra(), rigid_body()] {
        for (rtol, name) in [(1e-3, "tsit5"), (1e-6, "tsit5"), (1e-9, "vern7")] {
            let settings = Settings::with_tolerances(rtol, rtol);
            let (u, stats, report) = solve(&problem, problem.t1, &settings);
            assert_eq!(report.count(), 0, "{}", problem.id);
            assert_eq!(report.implicit_steps, 0);
            assert_eq!(report.explicit_steps, stats.accepted);
            assert!(report.sentence().starts_with("not stiff: all"), "{}", report.sentence());
            let alone = end_state(&mut *method(name).unwrap(), &ivp(&problem), &settings);
            assert_eq!(alone.unwrap(), (u, stats), "{name} on {}", problem.id);
        }
    }
}

#[test]
fn robertson_becomes_stiff_early_and_stays_so() {
    for rtol in [1e-4, 1e-6, 1e-8] {
        let (u, stats, report) =
            solve(&robertson(), 1e5, &Settings::with_tolerances(rtol, rtol * 1e-4));
        assert_eq!(report.count(), 1, "{}", report.sentence());
        assert_eq!(report.switches()[0].to, Side::Implicit);
        assert!(report.switches()[0].t < 0.2, "{}", report.sentence());
        assert!(report.implicit_steps > report.explicit_steps, "{}", report.sentence());
        assert_eq!(report.implicit_steps + report.explicit_steps, stats.accepted);
        let exact = [0.01786592114210, 7.274751468437e-8, 0.9821340061104];
        assert!(distance(&u, &exact) < 3.0 * rtol, "{rtol}: {u:?}");
        // About what the implicit method alone needs.
        let mut alone = method("rodas5p").unwrap();
        let problem = robertson();
        let ivp = Ivp { t1: 1e5, ..ivp(&problem) };
        let settings = Settings::with_tolerances(rtol, rtol * 1e-4);
        let (_, by_itself) = end_state(&mut *alone, &ivp, &settings).unwrap();
        assert!(stats.accepted < by_itself.accepted * 5 / 4 + 40, "{stats:?} {by_itself:?}");
    }
}

#[test]
fn an_oscillation_with_fast_and_slow_parts_switches_both_ways() {
    let rhs = VanDerPol { epsilon: 1e-3 };
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 5.0, u0: &[2.0, 0.0], p: &[] };
    let exact =
        end_state(&mut *method("vern9").unwrap(), &ivp, &Settings::with_tolerances(1e-13, 1e-13));
    let exact = exact.unwrap().0;
    for rtol in [1e-4, 1e-6] {
        let mut stepper = method("auto-switch").unwrap();
        let settings = Settings::with_tolerances(rtol, rtol);
        let (u, stats) = end_state(&mut *stepper, &ivp, &settings).unwrap();
        let report = stepper.switches().unwrap();
        let to = |side| report.switches().iter().filter(|s| s.to == side).count();
        // Each period of 1.6 has two slow parts.
        assert!((3..=8).contains(&to(Side::Implicit)), "{}", report.sentence());
        assert!((3..=8).contains(&to(Side::Explicit)), "{}", report.sentence());
        assert!(report.explicit_steps > 20 && report.implicit_steps > 20, "{}", report.sentence());
        // Where the slope is steep, errors in time count a hundredfold.
        assert!((u[0] - exact[0]).abs() < 100.0 * rtol, "{rtol}: {u:?} {exact:?}");
        assert!((u[1] / exact[1] - 1.0).abs() < 300.0 * rtol, "{rtol}: {u:?} {exact:?}");
        let mut explicit = method("tsit5").unwrap();
        let (_, alone) = end_state(&mut *explicit, &ivp, &settings).unwrap();
        assert!(stats.accepted < alone.accepted, "{stats:?} {alone:?}");
    }
}

#[test]
fn errors_fall_with_the_tolerance_on_stiff_problems() {
    for (problem, scale) in
        [(hires(), 1.0), (oregonator(), 1e3), (pollution(), 1.0), (van_der_pol(), 1.0)]
    {
        let reference = problem.references.iter().find(|r| r.t > 0.0).unwrap();
        let mut errors = Vec::new();
        for rtol in [1e-4, 1e-6, 1e-8] {
            let settings = Settings::with_tolerances(rtol, rtol * 1e-2);
            let (u, _, report) = solve(&problem, reference.t, &settings);
            assert!(report.count() > 0, "{}: {}", problem.id, report.sentence());
            errors.push(distance(&u, &reference.u) / scale);
        }
        assert!(errors.windows(2).all(|e| e[1] < 0.2 * e[0]), "{}: {errors:?}", problem.id);
        assert!(errors[2] < 1e-6, "{}: {errors:?}", problem.id);
    }
}

#[test]
fn many_states_are_solved_by_bdf_where_they_are_stiff() {
    let problem = brusselator_1d();
    let ivp = ivp(&problem);
    let mut stepper = method("auto-switch").unwrap();
    let settings = Settings::with_tolerances(1e-6, 1e-8);
    let (u, _) = end_state(&mut *stepper, &ivp, &settings).unwrap();
    let report = stepper.switches().unwrap();
    assert!(report.implicit == "BDF" && report.implicit_steps > 50, "{}", report.sentence());
    let mut reference = method("rodas5p").unwrap();
    let exact = end_state(&mut *reference, &ivp, &Settings::with_tolerances(1e-10, 1e-10));
    let error = distance(&u, &exact.unwrap().0);
    assert!(error < 1e-4, "{error:e}");
}

#[test]
fn single_precision_and_backward_time_switch_too() {
    let rhs = VanDerPol { epsilon: 1e-2 };
    let exact = {
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &[2.0, 0.0], p: &[] };
        let settings = Settings::with_tolerances(1e-12, 1e-12);
        end_state(&mut *method("vern9").unwrap(), &ivp, &settings).unwrap().0
    };
    let single: Ivp<'_, f32> = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &[2.0, 0.0], p: &[] };
    let mut out = [0.0_f32; 2];
    let mut stepper = Switching::<f32>::new();
    let settings = Settings::with_tolerances(1e-4, 1e-4);
    drive(&mut stepper, &single, &settings, &[2.0], &mut out, None).unwrap();
    assert!(stepper.switches().unwrap().count() >= 2);
    assert!((f64::from(out[0]) - exact[0]).abs() < 1e-2, "{out:?} {exact:?}");

    // Backward in time what decays grows; read backward, growth is decay and as stiff.
    let decay = Decay { rate: -1e5 };
    let back = Ivp { rhs: &decay, t0: 3.0, t1: 0.0, u0: &[0.5], p: &[] };
    let mut stepper = method("auto-switch").unwrap();
    let (u, stats) =
        end_state(&mut *stepper, &back, &Settings::with_tolerances(1e-6, 1e-6)).unwrap();
    assert!((u[0] - 1.0).abs() < 1e-5, "{u:?}");
    assert_eq!(stepper.switches().unwrap().count(), 1);
    assert!(stats.accepted < 300, "{stats:?}");
}

/// `u' = −rate (u − cos t) − sin t`.
struct Decay {
    rate: f64,
}

impl Kernel for Decay {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 0, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = -self.rate * (u[0] - t.cos()) - t.sin();
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        let by_time = -self.rate * at.t.sin() - at.t.cos();
        dout[0] = -self.rate * along.u[0] + by_time * along.t;
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("no reverse products here");
    }
}

#[test]
fn the_budget_counts_the_steps_of_all_methods() {
    let problem = robertson();
    let ivp = Ivp { t1: 1e5, ..ivp(&problem) };
    let settings = Settings { max_steps: 60, ..Settings::with_tolerances(1e-6, 1e-10) };
    let mut stepper = method("auto-switch").unwrap();
    let found = end_state(&mut *stepper, &ivp, &settings);
    assert!(matches!(found, Err(SolveError::TooManySteps { steps: 60, .. })), "{found:?}");
    assert_eq!(stepper.switches().unwrap().count(), 1, "the budget ends after the switch");
    let stats = stepper.stats();
    assert_eq!(stats.accepted + stats.rejected, 60);
}

#[test]
fn rates_that_small_amounts_alone_show_are_found() {
    // What reacts within 1e-22 is 1e-14 of the rest, and steps are shorter than the last place of the end.
    let problem = oxygen_reduction();
    let reference = problem.references.iter().find(|r| r.t == 1e-5).unwrap();
    for atol in [1e-8, 1e-20, 1e-34] {
        let settings =
            Settings { atol: vec![atol], max_steps: 2000, ..Settings::with_tolerances(1e-6, 1.0) };
        let (u, _, report) = solve(&problem, 1e-5, &settings);
        assert_eq!(report.count(), 1, "{atol:e}: {}", report.sentence());
        let largest = u.iter().zip(&reference.u).filter(|(_, known)| **known > 1e-2);
        for (found, known) in largest {
            assert!((found / known - 1.0).abs() < 1e-5, "{atol:e}: {found:e} {known:e}");
        }
    }
}
