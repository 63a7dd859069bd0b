//! Models that no thread of a card holds, or whose matrices all trajectories share, on the device that this
//! machine has, software at least: states and gradients are those of the processor, and it is said how.

use crate::card::name;
use crate::common::{differentiate, lowered, tsit5};
use slopefield_cpu::CompiledBatch;
use slopefield_devices::{
    GradientWork, Method, Site, Training, Wanted, Work, cards, solve, with_gradients,
};
use slopefield_ensemble::Values;
use slopefield_graph::LoweredModel;
use slopefield_solve::Settings;

/// Two layers of 32, whose matrix all trajectories share.
const NETWORK: &str = "
state x = 0.8
state y = -0.3
param c = 1
network n: mlp(inputs: 2, outputs: 2, hidden: [32, 32], activation: tanh)
let z = n(x, y)
x' = z[1] - c*x + 0.3*sin(2*t)
y' = z[2] - c*y
";
const TOO_MANY: &str = "a trajectory needs 2";
const MATRICES: &str = "all trajectories share large matrices";

/// So many states, each beside its neighbours.
fn ring(states: usize) -> String {
    format!(
        "const N = {states}\nstate u[N] = 0.4\nparam k = 1.2\n\
         u[i]' = k*(u[wrap(i + 1)] - 2*u[i] + u[wrap(i - 1)]) + sin(3*t + 0.1*i) - 0.1*u[i]^3 for i in 1..N\n"
    )
}

/// Trajectories to t = 2, with initial states and a first parameter of their own.
struct Fleet {
    model: LoweredModel,
    rhs: CompiledBatch,
    u0: Vec<f64>,
    own: Vec<f64>,
    shared: Vec<f64>,
    count: usize,
}

const SAVES: [f64; 3] = [0.0, 0.7, 2.0];

impl Fleet {
    fn new(text: &str, count: usize) -> Fleet {
        let model = lowered(text);
        let rhs = slopefield_cpu::compile_batch(&model.rhs.eval, &[0]).expect("it compiles");
        let shape = model.rhs.eval.shape;
        // Between -1 and 1, without order.
        let wave = |k: usize| (1.7 * k as f64 + 0.3).sin();
        Fleet {
            u0: (0..count * shape.states).map(wave).collect(),
            own: (0..count).map(|k| 1.0 + 0.3 * wave(k)).collect(),
            shared: (0..shape.params).map(|k| 0.3 * wave(3 * k)).collect(),
            model,
            rhs,
            count,
        }
    }

    fn work<'a>(&'a self, settings: &'a Settings) -> Work<'a> {
        Work {
            model: &self.model,
            rhs: &self.rhs,
            t0: 0.0,
            t1: 2.0,
            count: self.count,
            u0: Values::Each(&self.u0),
            shared: &self.shared,
            own: Values::Each(&self.own),
            method: Method::Explicit(tsit5()),
            apart: None,
            settings,
            saves: &SAVES,
        }
    }

    fn gradient_work<'a>(&'a self, own: bool, settings: &'a Settings) -> GradientWork<'a> {
        let values = if own { &self.own[..] } else { &[] };
        GradientWork {
            model: &self.model,
            own_params: if own { &[0] } else { &[] },
            t0: 0.0,
            t1: 2.0,
            count: self.count,
            u0: Values::Each(&self.u0),
            shared: &self.shared,
            own: Values::Each(values),
            method: tsit5(),
            settings,
            saves: &SAVES,
        }
    }
}

fn solved_by(fleet: &Fleet, wanted: &Wanted, rtol: f64) -> (Vec<f64>, usize, Vec<String>) {
    let settings = Settings::with_tolerances(rtol, 0.1 * rtol);
    let work = fleet.work(&settings);
    let mut out = vec![f64::NAN; fleet.count * work.row()];
    let site = Site { portion: 25, ..Site::new(cards()) };
    let solved = solve(&work, wanted, &site, &mut out).expect("it makes sense");
    assert!(solved.trajectories.iter().all(Result::is_ok));
    (out, solved.on_card, solved.sentences)
}

/// The largest distance, relative to the largest number.
fn distance(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let size = want.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
    let far = got.iter().zip(want).map(|(a, b)| (a - b).abs() / size);
    far.fold(0.0, |m, d| if d <= m { m } else { d })
}

/// Half the sum of squares of all that is seen.
fn loss(_: usize, states: &[f64], by: &mut [f64]) -> f64 {
    by.copy_from_slice(states);
    0.5 * states.iter().map(|x| x * x).sum::<f64>()
}

#[test]
fn states_are_the_processors_and_the_way_is_said() {
    for (text, count, because) in [
        (NETWORK.to_owned(), 60, Some(MATRICES.to_owned())),
        // What a thread holds: two states and the slopes of seven stages, 60 numbers each.
        (ring(60), 30, None),
        (ring(240), 30, Some(TOO_MANY.to_owned())),
    ] {
        let fleet = Fleet::new(&text, count);
        let (got, on_card, told) = solved_by(&fleet, &Wanted::Named(name()), 1e-5);
        assert_eq!(on_card, count, "{told:?}");
        let said = match because {
            None => told == [format!("{}, as asked for", name())],
            Some(why) => {
                let begins = format!("{}, as asked for; by batched solves, because {why}", name());
                told.len() == 1 && told[0].starts_with(&begins)
            }
        };
        assert!(said, "{told:?}");
        let (want, _, _) = solved_by(&fleet, &Wanted::Processor, 1e-10);
        let far = distance(&got, &want);
        assert!(far <= 1e-4, "{far:e}");
    }
}

#[test]
fn gradients_are_the_processors_and_the_way_is_said() {
    for (text, count, own, because) in [
        (NETWORK, 40, true, MATRICES),
        (NETWORK, 40, false, MATRICES),
        // Threads need 22 numbers for each state.
        (&ring(100), 6, true, TOO_MANY),
    ] {
        let fleet = Fleet::new(text, count);
        let strict = Settings::with_tolerances(1e-10, 1e-10);
        let want = differentiate(&fleet.gradient_work(own, &strict), &mut loss);
        // A finer tolerance than the card's is asked for.
        let fine = Settings::with_tolerances(1e-7, 1e-8);
        let named = Wanted::Named(name());
        let training = Training { wanted: &named, site: Site::new(cards()), rounds: 2 };
        let (got, told) = with_gradients(training, |gradients| {
            // Trajectories of a second round are not mixed up with those of the first.
            let first = gradients.round(&fleet.gradient_work(own, &fine), None, &mut |_, _, by| {
                by.fill(7.0);
                0.0
            });
            assert!(first.is_some(), "{:?}", gradients.sentences());
            let work = fleet.gradient_work(own, &fine);
            (gradients.round(&work, None, &mut loss), gradients.sentences())
        });
        let got = got.unwrap_or_else(|| panic!("{told:?}"));
        let said = format!(
            "{}, as asked for, computes the gradients of all stages but the last fit by batched solves \
             ({because}",
            name()
        );
        let finely = "in single precision at a relative tolerance of 1e-5";
        let right = told.len() == 1 && told[0].starts_with(&said) && told[0].contains(finely);
        assert!(right, "{told:?}");
        for (got, want, what) in [
            (&got.by_u0, &want.by_u0, "initial states"),
            (&got.by_own, &want.by_own, "own parameters"),
            (&got.by_shared, &want.by_shared, "shared parameters"),
        ] {
            let far = distance(got, want);
            assert!(far <= 1e-3, "{what}: {far:e}");
        }
    }
}
