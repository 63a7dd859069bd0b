//! Events against closed forms: where they lie, what they change, when they stop a solve.
use crate::common;

use common::system::{System, crossing};
use slopefield_kernel::Crossing::{Both, Falling, Rising};
use slopefield_kernel::{Kernel, Trigger};
use slopefield_solve::{
    Happening, Ivp, Outcome, Settings, SolveError, Step, StepObserver, Stepper, drive,
    drive_to_stop, method, method_info,
};

/// Every kind of stepper: explicit, implicit, with a memory of its own.
const METHODS: [&str; 7] = ["tsit5", "bs3", "vern7", "rodas5p", "radau", "vcabm", "bdf"];

/// What happened, with the states around it.
#[derive(Default)]
struct Log {
    events: Vec<(f64, usize)>,
    before: Vec<Vec<f64>>,
    after: Vec<Vec<f64>>,
    /// Beginnings and ends of steps, and the states at the ends.
    steps: Vec<(f64, f64, Vec<f64>)>,
}

impl StepObserver for Log {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        self.steps.push((step.t_prev, step.t, solution.state().to_vec()));
        Ok(())
    }
    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        self.events.push((happening.t, happening.event));
        self.before.push(happening.before.to_vec());
        self.after.push(happening.after.to_vec());
        Ok(())
    }
}

struct Run {
    log: Log,
    out: Vec<f64>,
    outcome: Outcome,
}

fn run_with(
    id: &str,
    system: &System,
    (t0, t1): (f64, f64),
    u0: &[f64],
    saves: &[f64],
    settings: &Settings,
) -> Result<Run, SolveError> {
    let mut log = Log::default();
    let mut out = vec![0.0; saves.len() * u0.len()];
    let ivp = Ivp { rhs: system, t0, t1, u0, p: &[] };
    let mut stepper = method(id).unwrap();
    let outcome = drive_to_stop(&mut *stepper, &ivp, settings, saves, &mut out, Some(&mut log))?;
    Ok(Run { log, out, outcome })
}

fn tight() -> Settings {
    Settings::with_tolerances(1e-11, 1e-12)
}

fn run(id: &str, system: &System, span: (f64, f64), u0: &[f64], saves: &[f64]) -> Run {
    run_with(id, system, span, u0, saves, &tight()).unwrap()
}

#[track_caller]
fn check_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} against {expected}");
}

/// A ball that falls from 50 m and loses a fifth of its speed at each bounce.
fn ball(restitution: f64) -> System {
    System::new(2, 0, |_, u, _, out| {
        out[0] = u[1];
        out[1] = -9.8;
    })
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(crossing(0, Falling), move |_, u, out| {
        out[0] = 0.0;
        out[1] = -restitution * u[1];
    })
}

#[test]
fn a_ball_bounces_when_it_should() {
    for id in METHODS {
        let found = run(id, &ball(0.8), (0.0, 15.0), &[50.0, 0.0], &[15.0]);
        // First fall √(2 h/g), then flights of 2 v/g with v falling by a fifth.
        let fall = (2.0_f64 * 50.0 / 9.8).sqrt();
        let mut t = fall;
        for (k, &(time, event)) in found.log.events.iter().enumerate() {
            assert_eq!(event, 0);
            check_close(time, t, 1e-9, &format!("{id}, bounce {k}"));
            t += 2.0 * fall * 0.8_f64.powi(k as i32 + 1);
        }
        assert_eq!(found.log.events.len(), 3);
        check_close(found.out[0], 8.494_217_007_6, 1e-8, id);
        assert_eq!(found.outcome.stats.events, 3);
        assert_eq!(found.outcome.stop, None);
    }
}

#[test]
fn observers_see_steps_cut_at_events_and_states_on_both_sides() {
    let found = run("tsit5", &ball(0.8), (0.0, 5.0), &[50.0, 0.0], &[]);
    let (t, _) = found.log.events[0];
    check_close(found.log.before[0][0], 0.0, 1e-12, "height before");
    check_close(found.log.before[0][1], -9.8 * t, 1e-9, "speed before");
    assert_eq!(found.log.after[0], [0.0, -0.8 * found.log.before[0][1]]);
    let ending: Vec<_> = found.log.steps.iter().filter(|step| step.1 == t).collect();
    assert_eq!(ending.len(), 1);
    assert_eq!(ending[0].2, found.log.before[0]);
    for pair in found.log.steps.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "steps follow each other without a gap");
    }
}

#[test]
fn doses_come_at_their_times_exactly() {
    // u' = −u with 1 added at 1, 2, 4 and 8.
    let system = || {
        System::new(2, 0, |_, u, _, out| {
            out[0] = -u[0];
            out[1] = -u[1];
        })
        .times(&[1.0, 2.0, 4.0, 8.0])
        .event(Trigger::At(0..4), |_, _, out| {
            out[0] += 1.0;
            out[1] += 1.0;
        })
    };
    let u0 = [2.0, 0.0];
    let saves = [0.5, 1.0, 1.5, 8.0, 10.5];
    let exact = |t: f64, start: f64| {
        let doses = [1.0, 2.0, 4.0, 8.0].iter().filter(|&&dose| dose <= t);
        start * (-t).exp() + doses.map(|dose| (dose - t).exp()).sum::<f64>()
    };
    for id in METHODS {
        let found = run(id, &system(), (0.0, 10.5), &u0, &saves);
        let times: Vec<f64> = found.log.events.iter().map(|event| event.0).collect();
        assert_eq!(times, [1.0, 2.0, 4.0, 8.0]);
        for (row, &t) in saves.iter().enumerate() {
            check_close(found.out[2 * row], exact(t, 2.0), 1e-9, &format!("{id} at {t}"));
            check_close(found.out[2 * row + 1], exact(t, 0.0), 1e-9, &format!("{id} at {t}"));
        }
        // Published for the learnt version of this problem: 0.08392183 and 0.08386676.
        check_close(found.out[8], 0.083_921_83, 5e-9, id);
    }
}

#[test]
fn two_crossings_within_one_step_are_both_found() {
    // A system at rest takes enormous steps; the number passes 0 at 3 ± 0.02.
    let system = System::new(1, 0, |_, _, _, out| out[0] = 0.0)
        .roots(1, |t, _, _, out| out[0] = (t - 3.0).powi(2) - 4e-4)
        .watch(crossing(0, Both));
    for id in METHODS {
        let found = run(id, &system, (0.0, 10.0), &[1.0], &[]);
        let longest = found.log.steps.iter().fold(0.0_f64, |most, step| most.max(step.1 - step.0));
        assert!(longest > 1.0, "{id}: the step must contain both");
        let times: Vec<f64> = found.log.events.iter().map(|event| event.0).collect();
        assert_eq!(times.len(), 2, "{id}: {times:?}");
        check_close(times[0], 2.98, 1e-13, id);
        check_close(times[1], 3.02, 1e-13, id);
    }
}

#[test]
fn every_zero_of_a_fast_number_is_found_in_long_steps() {
    let system = System::new(1, 0, |_, _, _, out| out[0] = 0.0)
        .roots(2, |t, _, _, out| {
            out[0] = (7.0 * t).sin();
            out[1] = (3.0 * t).cos() + 0.9999;
        })
        .watch(crossing(0, Rising))
        .watch(crossing(0, Falling))
        .watch(crossing(1, Falling));
    let found = run("tsit5", &system, (0.1, 20.0), &[1.0], &[]);
    let times = |which: usize| -> Vec<f64> {
        found.log.events.iter().filter(|e| e.1 == which).map(|e| e.0).collect()
    };
    let pi = std::f64::consts::PI;
    let zeros: Vec<f64> =
        (1..).map(|k| f64::from(k) * pi / 7.0).take_while(|&t| t < 20.0).collect();
    let rising: Vec<f64> = zeros.iter().copied().skip(1).step_by(2).collect();
    let falling: Vec<f64> = zeros.iter().copied().step_by(2).collect();
    for (which, expected) in [(0, rising), (1, falling)] {
        assert_eq!(times(which).len(), expected.len());
        for (found, expected) in times(which).iter().zip(expected) {
            check_close(*found, expected, 1e-13 * expected, "sine");
        }
    }
    let first = (-0.9999_f64).acos() / 3.0;
    let expected: Vec<f64> =
        (0..).map(|k| first + f64::from(k) * 2.0 * pi / 3.0).take_while(|&t| t < 20.0).collect();
    assert_eq!(times(2).len(), expected.len(), "{:?}", times(2));
    for (found, expected) in times(2).iter().zip(expected) {
        check_close(*found, expected, 1e-10, "narrow dips of a cosine");
    }
}

#[test]
fn a_touch_is_no_crossing() {
    let system = System::new(1, 0, |_, _, _, out| out[0] = 1.0)
        .roots(2, |_, u, _, out| {
            out[0] = (u[0] - 1.0) * (u[0] - 1.0);
            out[1] = 1e-9 + (u[0] - 2.0) * (u[0] - 2.0);
        })
        .watch(crossing(0, Both))
        .watch(crossing(1, Both));
    for id in METHODS {
        let found = run(id, &system, (0.0, 3.0), &[0.0], &[]);
        assert_eq!(found.log.events, [], "{id}");
    }
}

#[test]
fn events_at_one_instant_happen_in_order_of_declaration() {
    // Three numbers pass 0 at t = 1, and a time event is there too.
    let system = System::new(2, 0, |_, _, _, out| out.copy_from_slice(&[1.0, 0.0]))
        .roots(3, |_, u, _, out| {
            out.copy_from_slice(&[u[0] - 1.0, 2.0 - 2.0 * u[0], (u[0] - 1.0) * 3.0]);
        })
        .times(&[1.0])
        .event(crossing(0, Both), |_, u, out| out[1] = 2.0 * u[1] + 1.0)
        .event(Trigger::At(0..1), |_, u, out| out[1] = 3.0 * u[1])
        .event(crossing(1, Both), |_, u, out| out[1] = u[1] + 10.0)
        .event(crossing(2, Falling), |_, _, out| out[1] = 1e9)
        .event(crossing(2, Rising), |_, u, out| out[1] = 2.0 * u[1]);
    for id in METHODS {
        let found = run(id, &system, (0.0, 2.0), &[0.0, 5.0], &[1.0, 2.0]);
        let order: Vec<usize> = found.log.events.iter().map(|event| event.1).collect();
        assert_eq!(order, [0, 1, 2, 4], "{id}");
        assert!(found.log.events.iter().all(|event| event.0 == 1.0), "{:?}", found.log.events);
        assert_eq!(found.out[1], 2.0 * (3.0 * (2.0 * 5.0 + 1.0) + 10.0));
    }
}

#[test]
fn an_event_may_trigger_another() {
    // The first lifts u1 over 5, which lifts u2 over 7, which resets u1: all at t = 1.
    let system = System::new(3, 0, |_, _, _, out| out.copy_from_slice(&[1.0, 0.0, 0.0]))
        .roots(3, |_, u, _, out| {
            out.copy_from_slice(&[u[0] - 1.0, u[1] - 5.0, u[2] - 7.0]);
        })
        .event(crossing(2, Rising), |_, _, out| out[1] = 4.0)
        .event(crossing(0, Rising), |_, _, out| out[1] = 6.0)
        .event(crossing(1, Rising), |_, _, out| out[2] = 8.0)
        .watch(crossing(1, Falling));
    for id in METHODS {
        let found = run(id, &system, (0.0, 2.0), &[0.0, 4.0, 6.0], &[2.0]);
        let order: Vec<usize> = found.log.events.iter().map(|event| event.1).collect();
        assert_eq!(order, [1, 2, 0, 3], "{id}");
        assert_eq!(found.out[1..], [4.0, 8.0]);
    }
}

#[test]
fn a_stop_ends_the_solve_there_and_says_so() {
    let system = System::new(1, 0, |_, u, _, out| out[0] = -u[0])
        .roots(1, |_, u, _, out| out[0] = u[0] - 0.5)
        .watch(crossing(0, Rising))
        .stop(crossing(0, Falling));
    for id in METHODS {
        let saves = [0.0, 0.5, 1.0, 2.0];
        let found = run(id, &system, (0.0, 2.0), &[1.0], &saves);
        let stop = found.outcome.stop.unwrap();
        // As accurate as interpolants are, of which Radau's has order 3.
        check_close(stop.t, std::f64::consts::LN_2, 1e-9, id);
        assert_eq!(stop.event, 1);
        check_close(found.out[1], (-0.5_f64).exp(), 1e-9, id);
        assert!(found.out[2].is_nan() && found.out[3].is_nan(), "rows after the stop are NaN");
        assert_eq!(found.log.steps.last().unwrap().1, stop.t);
        let mut out = [0.0; 4];
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 2.0, u0: &[1.0], p: &[] };
        let mut stepper = method(id).unwrap();
        let stats = drive(&mut *stepper, &ivp, &tight(), &saves, &mut out, None).unwrap();
        assert_eq!((stats.events, out[2].is_nan()), (1, true));
    }
}

#[test]
fn a_ball_that_comes_to_rest_is_a_storm() {
    for id in METHODS {
        let settings = Settings::with_tolerances(1e-8, 1e-10);
        let found = run_with(id, &ball(0.5), (0.0, 15.0), &[50.0, 0.0], &[], &settings);
        let Err(SolveError::EventStorm { t, event: 0, count }) = found.map(|_| ()) else {
            panic!("{id} must end in a storm");
        };
        // The flights add up: √(2h/g) (1 + 2 e/(1 − e)).
        let rest = (2.0_f64 * 50.0 / 9.8).sqrt() * 3.0;
        check_close(t, rest, 1e-5, id);
        assert!(count > 1000 && count < 2000);
    }
}

#[test]
fn events_that_trigger_each_other_without_end_are_a_storm() {
    let system = System::new(2, 0, |_, _, _, out| out.copy_from_slice(&[1.0, 0.0]))
        .roots(2, |_, u, _, out| out.copy_from_slice(&[u[0] - 1.0, u[1] - 1.0]))
        .event(crossing(0, Both), |_, u, out| out[1] = 2.0 - u[1])
        .event(crossing(1, Both), |_, u, out| out[0] = if u[0] >= 1.0 { 0.5 } else { 1.5 });
    let found = run_with("tsit5", &system, (0.0, 5.0), &[0.0, 0.0], &[], &tight());
    let Err(SolveError::EventStorm { t, .. }) = found.map(|_| ()) else { panic!("no storm") };
    check_close(t, 1.0, 1e-12, "storm");
}

#[test]
fn directions_mean_growing_time_also_backward() {
    let system = || {
        System::new(1, 0, |t, _, _, out| out[0] = t.cos())
            .roots(1, |_, u, _, out| out[0] = u[0] - 0.5)
            .watch(crossing(0, Rising))
            .watch(crossing(0, Falling))
    };
    let pi = std::f64::consts::PI;
    for id in METHODS {
        let there = run(id, &system(), (0.0, 4.0), &[0.0], &[]);
        let back = run(id, &system(), (4.0, 0.0), &[4.0_f64.sin()], &[]);
        let order = |run: &Run| run.log.events.iter().map(|event| event.1).collect::<Vec<_>>();
        assert_eq!(order(&there), [0, 1], "{id}");
        assert_eq!(order(&back), [1, 0], "{id}");
        check_close(there.log.events[0].0, pi / 6.0, 1e-9, id);
        check_close(there.log.events[1].0, pi - pi / 6.0, 1e-9, id);
        check_close(back.log.events[0].0, pi - pi / 6.0, 1e-9, id);
        check_close(back.log.events[1].0, pi / 6.0, 1e-9, id);
    }
}

#[test]
fn time_events_are_met_backward_too() {
    let system = System::new(1, 0, |_, _, _, out| out[0] = 1.0)
        .times(&[1.0, 2.0, 0.25, 0.1])
        .event(Trigger::At(0..2), |_, _, out| out[0] += 10.0)
        .watch(Trigger::Every { period: 2, from: 3, count: Some(4) });
    for id in METHODS {
        let found = run(id, &system, (3.0, 0.0), &[0.0], &[2.5, 2.0, 0.0]);
        let expected =
            [(2.0, 0), (1.0, 0), (0.1 + 3.0 * 0.25, 1), (0.1 + 0.5, 1), (0.1 + 0.25, 1), (0.1, 1)];
        assert_eq!(found.log.events, expected, "{id}");
        check_close(found.out[0], -0.5, 1e-12, id);
        check_close(found.out[1], 9.0, 1e-12, id);
        check_close(found.out[2], 17.0, 1e-12, id);
    }
}

#[test]
fn events_at_both_ends_of_the_span() {
    let system = System::new(1, 0, |_, _, _, out| out[0] = 1.0)
        .roots(2, |t, _, _, out| out.copy_from_slice(&[t, t - 2.0]))
        .times(&[0.0, 2.0, -1.0, 2.5])
        .event(Trigger::At(0..4), |_, _, out| out[0] += 1.0)
        .watch(crossing(0, Both))
        .watch(crossing(1, Both));
    for id in METHODS {
        let found = run(id, &system, (0.0, 2.0), &[0.0], &[0.0, 1.0, 2.0]);
        // Time events happen at both ends; a number that is 0 at the start has not passed it there,
        // one that arrives at 0 at the end has.
        assert_eq!(found.log.events, [(0.0, 0), (2.0, 0), (2.0, 2)], "{id}");
        assert_eq!(found.log.before[0], [0.0]);
        assert_eq!(found.out[0], 1.0, "rows at the start are those after its events");
        check_close(found.out[1], 2.0, 1e-14, id);
        check_close(found.out[2], 4.0, 1e-14, id);
    }
}

#[test]
fn an_empty_span_has_the_events_of_its_instant() {
    let system = System::new(1, 0, |_, _, _, out| out[0] = 1.0)
        .times(&[3.0])
        .event(Trigger::At(0..1), |_, _, out| out[0] += 1.0);
    let found = run("tsit5", &system, (3.0, 3.0), &[1.0], &[3.0, 3.0]);
    assert_eq!(found.out, [2.0, 2.0]);
}

#[test]
fn periodic_events_have_a_beginning_and_a_count() {
    let system = |count| {
        System::new(1, 0, |_, _, _, out| out[0] = 0.0)
            .times(&[0.1, 0.3])
            .event(Trigger::Every { period: 0, from: 1, count }, |_, _, out| out[0] += 1.0)
    };
    for id in METHODS {
        let found = run(id, &system(Some(10)), (0.0, 5.0), &[0.0], &[5.0]);
        let expected: Vec<(f64, usize)> = (0..10).map(|k| (0.3 + f64::from(k) * 0.1, 0)).collect();
        assert_eq!(found.log.events, expected, "{id}");
        assert_eq!(found.out, [10.0]);
        let endless = run(id, &system(None), (0.0, 5.05), &[0.0], &[5.05]);
        assert_eq!(endless.out, [48.0], "{id}");
        // Those before the start do not count as missed.
        let late = run(id, &system(Some(10)), (1.0, 5.0), &[0.0], &[5.0]);
        assert_eq!(late.out, [3.0], "{id}");
    }
}

#[test]
fn times_that_differ_by_rounding_are_one_instant() {
    // 0.1 + 2·0.1 and 0.3 differ in the last place.
    let system = System::new(1, 0, |_, _, _, out| out[0] = 0.0)
        .times(&[0.1, 0.3])
        .event(Trigger::At(1..2), |_, u, out| out[0] = 2.0 * u[0])
        .event(Trigger::Every { period: 0, from: 0, count: Some(3) }, |_, _, out| out[0] += 1.0);
    assert_ne!(0.1_f64 + 2.0 * 0.1, 0.3);
    let found = run("tsit5", &system, (0.0, 1.0), &[0.0], &[1.0]);
    assert_eq!(found.log.events.len(), 4, "{:?}", found.log.events);
    assert_eq!(found.log.events[2].1, 0, "order of declaration");
    assert_eq!(found.out, [2.0 * 2.0 + 1.0]);
}

#[test]
fn a_reset_does_not_trigger_itself() {
    // Integrate and fire: the reset brings the number to the other side.
    let system = System::new(1, 0, |_, _, _, out| out[0] = 2.0)
        .roots(1, |_, u, _, out| out[0] = u[0] - 1.0)
        .event(crossing(0, Both), |_, _, out| out[0] = 0.0);
    for id in METHODS {
        let found = run(id, &system, (0.0, 2.25), &[0.0], &[2.25]);
        assert_eq!(found.log.events.len(), 4, "{id}: {:?}", found.log.events);
        check_close(found.out[0], 0.5, 1e-12, id);
        for (k, event) in found.log.events.iter().enumerate() {
            check_close(event.0, 0.5 * (k as f64 + 1.0), 1e-13, id);
        }
    }
}

#[test]
fn reflection_at_a_wall_in_either_direction() {
    // The affect leaves the number where it is: just past 0.
    let system = System::new(2, 0, |_, u, _, out| out.copy_from_slice(&[u[1], 0.0]))
        .roots(1, |_, u, _, out| out[0] = 1.0 - u[0] * u[0])
        .event(crossing(0, Both), |_, u, out| out[1] = -u[1]);
    for id in METHODS {
        let found = run(id, &system, (0.0, 10.25), &[0.0, 1.0], &[10.25]);
        // A triangle wave of period 4.
        assert_eq!(found.log.events.len(), 5, "{id}: {:?}", found.log.events);
        check_close(found.out[0], -0.25, 1e-10, id);
    }
}

#[test]
fn single_precision() {
    let system = ball(0.8);
    let ivp = Ivp::<f32> { rhs: &system, t0: 0.0, t1: 15.0, u0: &[50.0, 0.0], p: &[] };
    for id in METHODS {
        let mut stepper = (method_info(id).unwrap().single)();
        let mut out = [0.0_f32; 2];
        let settings = Settings::with_tolerances(1e-5, 1e-5);
        let found = drive_to_stop(&mut *stepper, &ivp, &settings, &[15.0], &mut out, None).unwrap();
        assert_eq!(found.stats.events, 3);
        assert!((f64::from(out[0]) - 8.494_217).abs() < 1e-3, "{id}: {out:?}");
    }
}

#[test]
fn save_points_around_an_event() {
    let system = System::new(1, 0, |_, _, _, out| out[0] = 1.0)
        .times(&[1.0])
        .event(Trigger::At(0..1), |_, _, out| out[0] = 10.0);
    let saves = [0.5, 1.0, 1.0, 1.5];
    for id in METHODS {
        let found = run(id, &system, (0.0, 2.0), &[0.0], &saves);
        for (found, expected) in found.out.iter().zip([0.5, 10.0, 10.0, 10.5]) {
            check_close(*found, expected, 1e-13, id);
        }
        check_close(found.log.before[0][0], 1.0, 1e-13, "the value before is in the happening");
    }
}

#[test]
fn errors_name_the_event() {
    let nonsense = System::new(1, 0, |_, _, _, out| out[0] = 0.0)
        .times(&[0.0, 0.5])
        .watch(Trigger::Every { period: 0, from: 1, count: None });
    let found = run_with("tsit5", &nonsense, (0.0, 1.0), &[0.0], &[], &tight());
    let Err(SolveError::Invalid(message)) = found.map(|_| ()) else { panic!("accepted") };
    assert!(message.contains("period of event 0 is 0"), "{message}");

    let broken = System::new(1, 0, |_, _, _, out| out[0] = 1.0)
        .times(&[0.5])
        .event(Trigger::At(0..1), |_, u, out| out[0] = 1.0 / (u[0] - u[0]));
    let found = run_with("tsit5", &broken, (0.0, 1.0), &[0.0], &[], &tight());
    let Err(SolveError::Invalid(message)) = found.map(|_| ()) else { panic!("accepted") };
    assert!(message.contains("event 0 made state 0 not finite at t = 0.5"), "{message}");

    let blind = System::new(1, 0, |_, _, _, out| out[0] = -1.0)
        .roots(1, |_, u, _, out| out[0] = u[0].ln() + 10.0)
        .watch(crossing(0, Both));
    let found = run_with("tsit5", &blind, (0.0, 2.0), &[1.0], &[], &tight());
    let Err(SolveError::Invalid(message)) = found.map(|_| ()) else { panic!("accepted") };
    assert!(message.contains("is not finite at t ="), "{message}");
}

#[test]
fn a_solve_without_events_is_the_same_as_ever() {
    let plain = System::new(1, 0, |_, u, _, out| out[0] = -u[0]);
    let watched = System::new(1, 0, |_, u, _, out| out[0] = -u[0])
        .roots(1, |_, u, _, out| out[0] = u[0] - 0.5)
        .watch(crossing(0, Both));
    let saves = [0.3, 1.7, 3.0];
    let a = run("tsit5", &plain, (0.0, 3.0), &[1.0], &saves);
    let b = run("tsit5", &watched, (0.0, 3.0), &[1.0], &saves);
    assert_eq!(a.out, b.out, "watching changes no step");
    assert_eq!(b.log.events.len(), 1);
    let rhs: &dyn Kernel = &plain;
    assert!(rhs.structure().events.is_none());
}
