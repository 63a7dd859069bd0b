//! Events and jumps: triggers, and assignments of the values before.

use slopefield_lang::syntax::Direction;
use slopefield_lang::{Env, EventTrigger, Expr, Model, StateId, check, evaluate};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

fn value(expr: &Expr, states: &[f64], params: &[f64]) -> f64 {
    evaluate(expr, &Env { states, params, time: 2.0, ..Env::default() })
}

#[test]
fn a_bouncing_ball() {
    let model = right(
        "state h = 50, v = 0\nparam r = 0.8\nh' = v\nv' = -9.8\n\
         when h crosses 0 falling: v = -r*v, h = 0\nstop when v crosses 3\n",
    );
    let event = &model.events[0];
    let EventTrigger::Crossing { value: watched, direction } = &event.trigger else { panic!() };
    assert_eq!(*direction, Direction::Falling);
    assert_eq!(value(watched, &[7.0, 0.0], &[]), 7.0);
    assert_eq!(event.assignments[0].0, StateId(1));
    assert_eq!(value(&event.assignments[0].1, &[0.0, -10.0], &[0.8]), 8.0);
    let stop = &model.events[1];
    assert!(stop.stop && stop.assignments.is_empty() && !event.stop);
    let EventTrigger::Crossing { value: watched, direction } = &stop.trigger else { panic!() };
    assert_eq!((value(watched, &[7.0, 4.0], &[]), *direction), (1.0, Direction::Both));
}

#[test]
fn times_and_operators() {
    let model = right(
        "const times = [1, 2]\nparam d = 3\nstate x = 1, y = 1, z = 1\nx' = 0\ny' = 0\nz' = 0\n\
         at [1, d, 2*d]: x += y, y -= x, z *= 2\nat times: z /= d\n\
         every d/2 from 1 count 10: x = t\nevery 24: x += 1\n",
    );
    let EventTrigger::At(times) = &model.events[0].trigger else { panic!() };
    let times: Vec<f64> = times.iter().map(|e| value(e, &[], &[3.0])).collect();
    assert_eq!(times, [1.0, 3.0, 6.0]);
    let after: Vec<f64> = model.events[0]
        .assignments
        .iter()
        .map(|(_, e)| value(e, &[5.0, 7.0, 9.0], &[3.0]))
        .collect();
    assert_eq!(after, [12.0, 2.0, 18.0], "all of the values before");
    let EventTrigger::At(times) = &model.events[1].trigger else { panic!() };
    assert_eq!(times.len(), 2);
    assert_eq!(value(&model.events[1].assignments[0].1, &[0.0, 0.0, 9.0], &[3.0]), 3.0);
    let EventTrigger::Every { period, from, count } = &model.events[2].trigger else { panic!() };
    assert_eq!((value(period, &[], &[3.0]), value(from, &[], &[]), *count), (1.5, 1.0, Some(10)));
    let EventTrigger::Every { from, count, .. } = &model.events[3].trigger else { panic!() };
    assert_eq!((value(from, &[], &[]), *count), (0.0, None), "from the start");
}

#[test]
fn elements_arrays_and_velocities() {
    let model = right(
        "state u[i in 1..3] = i, x = 1, x' = 2\nu' = 0\nx'' = 0\n\
         when x crosses 1: u[2] = 7, x' = -x'\nwhen x crosses 2: u *= 2\n",
    );
    let targets =
        |i: usize| -> Vec<u32> { model.events[i].assignments.iter().map(|(s, _)| s.0).collect() };
    assert_eq!(targets(0), [1, 4]);
    assert_eq!(targets(1), [0, 1, 2]);
}

#[test]
fn jumps_change_states_that_need_no_equation() {
    let model = right(
        "state S = 99, I = 1, R = 0\nparam k = 1, g = 2\n\
         jump rate k*S*I: S -= 1, I += 1\njump rate g*I: I -= 1, R += 1\n",
    );
    assert_eq!(model.jumps.len(), 2);
    assert_eq!(value(&model.jumps[0].rate, &[3.0, 2.0, 0.0], &[1.0, 2.0]), 6.0);
    assert_eq!(value(&model.jumps[1].assignments[1].1, &[3.0, 2.0, 5.0], &[]), 6.0);
    assert_eq!(value(&model.states[0].derivative, &[3.0], &[]), 0.0);
}

#[test]
fn rates_have_bounds() {
    let text = "state N = 0\nparam k = 3\njump rate k*t bound 2*k*t + 1 for t: N += 1\n\
                jump rate k bound k: N -= 1\njump rate t: N -= 1\n";
    let model = right(text);
    let bound = model.jumps[0].bound.as_ref().unwrap();
    assert_eq!(value(&bound.value, &[], &[3.0]), 13.0);
    assert_eq!(value(bound.lasting.as_ref().unwrap(), &[], &[3.0]), 2.0);
    let bound = model.jumps[1].bound.as_ref().unwrap();
    assert!(value(&bound.value, &[], &[3.0]) == 3.0 && bound.lasting.is_none());
    assert_eq!(model.jumps[2].bound, None);
    assert_eq!(slopefield_lang::format(text).unwrap(), text);
    // The word is not reserved.
    right("state bound = 1\nbound' = -bound\njump rate bound: bound -= 1\n");
}

#[test]
fn units_of_bounds_are_checked() {
    let with = |bound: &str| {
        codes(&format!(
            "time t {{h}}\nstate N = 0\nparam k = 3 {{1/h}}\nparam T = 1 {{h}}\n\
             jump rate k bound {bound}: N += 1\n"
        ))
    };
    assert_eq!(with("2*k for T"), [] as [&str; 0]);
    assert_eq!(with("T for T"), ["unit-mismatch"]);
    assert!(with("2*k for k").contains(&"unit-mismatch"));
}

#[test]
fn wrong_events_are_explained() {
    let head = "state x = 1, y = 1\nparam k = 1\nconst c = 2\nlet r = k*c\nx' = -r\ny' = -y\nobserve o = x\n";
    let with = |line: &str| codes(&format!("{head}{line}\n"));
    assert_eq!(with("when x crosses 0: k = 2"), ["wrong-assignment"]);
    assert_eq!(with("when x crosses 0: c += 2"), ["wrong-assignment"]);
    assert_eq!(with("when x crosses 0: r = 2"), ["wrong-assignment"]);
    assert_eq!(with("when x crosses 0: x' = 2"), ["wrong-assignment"]);
    assert_eq!(with("when x crosses 0: 2 = 2"), ["wrong-assignment"]);
    assert_eq!(with("when x crosses 0: q = 2"), ["unknown-name"]);
    assert_eq!(with("when x crosses 0: y /= 0"), ["wrong-assignment"]);
    assert_eq!(with("when x crosses 0: y = 1, y += 2"), ["duplicate-assignment"]);
    assert_eq!(with("when k crosses c: y = 1"), ["constant-event"]);
    assert_eq!(with("at x: y = 1"), ["depends-on-state"]);
    assert_eq!(with("at [t]: y = 1"), ["depends-on-state"]);
    assert_eq!(with("at []: y = 1"), ["wrong-event"]);
    assert_eq!(with("every 0: y = 1"), ["wrong-event"]);
    assert_eq!(with("every y: y = 1"), ["depends-on-state"]);
    assert_eq!(with("every 1 count 0: y = 1"), ["wrong-event"]);
    assert_eq!(with("every 1 count 2.5: y = 1"), ["wrong-event"]);
    assert_eq!(with("jump rate -1: y = 1"), ["wrong-event"]);
    assert_eq!(with("jump rate k bound -1: y = 1"), ["wrong-event"]);
    assert_eq!(with("jump rate k bound 1 for 0: y = 1"), ["wrong-event"]);
    assert_eq!(with("jump rate k bound q: y = 1"), ["unknown-name"]);
    assert_eq!(with("noise W\nwhen W' crosses 0: y = 1"), ["misplaced-noise"]);
}
