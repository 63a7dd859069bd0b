//! What compiled models say of their systems beyond the right-hand side.
use slopefield_graph::BuiltinNetworks;
use slopefield_kernel::{Calculus, Crossing, JumpChange, NoiseKind, Trigger};
use slopefield_lang::ReactionMode;
use slopefield_study::CompiledModel;

fn compiled(text: &str, mode: ReactionMode) -> CompiledModel {
    CompiledModel::with_reactions(text, &BuiltinNetworks, mode).unwrap()
}

fn example(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/models/");
    std::fs::read_to_string(format!("{folder}{name}.slope")).unwrap()
}

fn eval(kernel: &dyn slopefield_kernel::Kernel, t: f64, u: &[f64], p: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; kernel.shape().outputs];
    let mut scratch = vec![0.0; kernel.scratch_len()];
    kernel.eval(t, u, p, &mut out, &mut scratch);
    out
}

#[test]
fn delays_read_values_behind_the_states() {
    let model = compiled(&example("delay-lotka-volterra"), ReactionMode::Ode);
    let p = model.start_params(1);
    let structure = model.rhs.structure();
    let delays = structure.delays.unwrap();
    assert_eq!(delays.reads.len(), 1);
    assert_eq!((delays.reads[0].state, delays.reads[0].lag, delays.reads[0].slope), (0, 0, false));
    assert_eq!(delays.constant, [true]);
    assert!(!delays.jumps_at_start);
    assert_eq!(eval(delays.lags, 0.0, &[1.0, 1.0, 0.0], &p), [0.1]);
    assert_eq!(eval(delays.history, -1.0, &[], &p), [1.0, 1.0]);
    // hare' = (alpha - beta lynx) z, lynx' = (delta hare - gamma) lynx
    let slope = eval(&*model.rhs, 0.0, &[3.0, 0.5, 7.0], &p);
    assert_eq!(slope, [(2.2 - 0.5) * 7.0, (2.0 * 3.0 - 0.4) * 0.5]);
    // The Jacobian is by the states, not by what is delayed.
    let jacobian = structure.jacobian.unwrap();
    assert_eq!(jacobian.pattern().width(), 2);
}

#[test]
fn noise_is_as_narrow_as_its_coefficients() {
    let kind = |text: &str| {
        let model = compiled(text, ReactionMode::Ode);
        let structure = model.rhs.structure();
        let noise = structure.noise.unwrap();
        (noise.kind, noise.sources, noise.calculus)
    };
    let ito = Calculus::Ito;
    let states = "state x = 1\nstate y = 2\nnoise V\nnoise W\n";
    let text = |x: &str, y: &str| format!("{states}x' = -x + {x}\ny' = -y + {y}\n");
    assert_eq!(kind(&example("geometric-brownian-motion")), (NoiseKind::Diagonal, 1, ito));
    assert_eq!(kind(&text("V'", "t*W'")), (NoiseKind::Additive, 2, ito));
    assert_eq!(kind(&text("x*W'", "y*V'")), (NoiseKind::Diagonal, 2, ito));
    assert_eq!(kind(&text("x*V' + W'", "y*V'")), (NoiseKind::General, 2, ito));
    assert_eq!(kind(&text("y*V'", "x*W'")), (NoiseKind::General, 2, ito));
    assert_eq!(kind(&text("V' + 2*W'", "V'")), (NoiseKind::Additive, 2, ito));
    assert_eq!(
        kind("state x = 1\nstate y = 1\nnoise V stratonovich\nx' = x*y*V'\ny' = x*V'\n"),
        (NoiseKind::Commutative, 1, Calculus::Stratonovich)
    );
}

#[test]
fn coefficients_of_noise_come_source_by_source() {
    let text = "state x = 1\nstate y = 2\nnoise V\nnoise W\nx' = 2*x*V' + y*W'\ny' = -y + 3*V'\n";
    let model = compiled(text, ReactionMode::Ode);
    let structure = model.rhs.structure();
    let noise = structure.noise.unwrap();
    assert_eq!(eval(noise.coefficients, 0.0, &[5.0, 7.0], &[]), [10.0, 3.0, 7.0, 0.0]);
    assert_eq!(eval(&*model.rhs, 0.0, &[5.0, 7.0], &[]), [0.0, -7.0]);
}

#[test]
fn reactions_run_in_three_ways() {
    let text = example("birth-death");
    let ode = compiled(&text, ReactionMode::Ode);
    let p = ode.start_params(1);
    assert!(ode.rhs.structure().jumps.is_none() && ode.rhs.structure().noise.is_none());
    assert_eq!(eval(&*ode.rhs, 0.0, &[30.0], &p), [1000.0 - 300.0]);

    let jumps = compiled(&text, ReactionMode::Jumps);
    assert_eq!(eval(&*jumps.rhs, 0.0, &[30.0], &p), [0.0]);
    let structure = jumps.rhs.structure();
    let parts = structure.jumps.unwrap();
    assert!(parts.constant_between);
    assert_eq!(eval(parts.rates, 0.0, &[30.0], &p), [1000.0, 300.0]);
    let changes: Vec<_> = parts
        .changes
        .iter()
        .map(|change| match change {
            JumpChange::Add(list) => list.clone(),
            JumpChange::Set(_) => panic!("a reaction adds numbers"),
        })
        .collect();
    assert_eq!(changes, [vec![(0, 1.0)], vec![(0, -1.0)]]);
    // Deaths depend on the number, births do not.
    assert_eq!(parts.alters, [vec![1], vec![1]]);

    let langevin = compiled(&text, ReactionMode::Langevin);
    let structure = langevin.rhs.structure();
    let noise = structure.noise.unwrap();
    assert_eq!(noise.sources, 2);
    let coefficients = eval(noise.coefficients, 0.0, &[40.0], &p);
    assert!((coefficients[0] - 1000f64.sqrt()).abs() < 1e-12);
    assert!((coefficients[1] + 400f64.sqrt()).abs() < 1e-12);
}

#[test]
fn jumps_that_are_no_additions_set_the_state() {
    let model = compiled(&example("jump-diffusion"), ReactionMode::Ode);
    let p = model.start_params(1);
    let structure = model.rhs.structure();
    let jumps = structure.jumps.unwrap();
    assert!(!jumps.constant_between);
    let JumpChange::Set(after) = &jumps.changes[0] else { panic!("a product is no addition") };
    assert_eq!(eval(&**after, 0.0, &[2.0], &p), [1.6]);
}

#[test]
fn events_have_roots_times_and_what_they_do() {
    let text = "state x = 1\nstate y = 0\nparam dose = 3\nparam first = 2\nx' = -x\ny' = x\n\
        when x - y crosses 0.25 falling: x = y, y = x\nat [1, first]: x += dose\n\
        every 5 from first count 3: y *= 0.5\nstop when y crosses 9 rising\n";
    let model = compiled(text, ReactionMode::Ode);
    let p = model.start_params(1);
    let structure = model.rhs.structure();
    let events = structure.events.unwrap();
    let triggers: Vec<_> = events.list.iter().map(|e| e.trigger.clone()).collect();
    assert_eq!(
        triggers,
        [
            Trigger::Crossing { root: 0, direction: Crossing::Falling },
            Trigger::At(0..2),
            Trigger::Every { period: 2, from: 3, count: Some(3) },
            Trigger::Crossing { root: 1, direction: Crossing::Rising },
        ]
    );
    assert_eq!(events.list.iter().map(|e| e.stop).collect::<Vec<_>>(), [false, false, false, true]);
    assert_eq!(eval(events.roots.unwrap(), 0.0, &[4.0, 1.0], &p), [2.75, -8.0]);
    assert_eq!(eval(events.times.unwrap(), 0.0, &[], &p), [1.0, 2.0, 5.0, 2.0]);
    let after = |event: usize| {
        let affect = events.list[event].affect.map(|i| &events.affects[i as usize]);
        affect.map(|kernel| eval(&**kernel, 0.0, &[4.0, 1.0], &p))
    };
    // All at once, from the values before.
    assert_eq!(after(0), Some(vec![1.0, 4.0]));
    assert_eq!(after(1), Some(vec![7.0, 1.0]));
    assert_eq!(after(2), Some(vec![4.0, 0.5]));
    assert_eq!(after(3), None);
}

#[test]
fn linear_terms_are_taken_apart_for_methods_that_want_them() {
    let text =
        "state x = 1\nstate y = 2\nparam k = 3\nx' = -k*x + y^2\ny' = k*(x - 2*y) + sin(t)\n";
    let model = compiled(text, ReactionMode::Ode);
    let p = model.start_params(1);
    let rhs = model.split_rhs().unwrap();
    let structure = rhs.structure();
    let split = structure.split.unwrap();
    assert!(split.linear);
    let u = [0.5, 0.25];
    assert_eq!(eval(split.stiff, 1.0, &u, &p), [-1.5, 0.0]);
    let rest = eval(split.rest, 1.0, &u, &p);
    assert_eq!(rest, [0.0625, 1f64.sin()]);
    let jacobian = split.stiff.structure().jacobian.unwrap();
    let mut values = vec![0.0; jacobian.pattern().rows.len()];
    let mut scratch = vec![0.0; jacobian.scratch_len()];
    jacobian.eval(0.0, &u, &p, &mut values, &mut scratch);
    assert_eq!(values, [-3.0, 3.0, -6.0]);
    assert!(model.rhs.structure().split.is_none());
}
