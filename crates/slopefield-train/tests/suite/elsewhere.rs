//! Gradients from elsewhere: a stand-in that differentiates trajectory by trajectory on the processor, and fails
//! on purpose. Where it computes as the processor does, training takes the very same course.

use crate::support::*;
use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_kernel::Kernel;
use slopefield_solve::Ivp;
use slopefield_train::{
    Batch, Control, Elsewhere, Event, Experiment, Fit, Lender, ModelKernels, MultiStart, NoiseKind,
    Objective, Pool, Problem, Recipe, Source, Stage, Start, StopReason, Trajectories,
    TrajectoryGradients, TrajectoryLoss, together, train, train_elsewhere, train_from_many,
};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// What the stand-in does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// It computes nothing from this round on.
    LostIn(usize),
    /// A trajectory of each round fails.
    FailsAt(usize),
    /// Wrong by so much, relatively.
    Coarse(f64),
    /// It sets this flag in its third round.
    Cancels,
}

struct StandIn {
    rhs: Arc<dyn Kernel>,
    fault: Fault,
    control: Control,
    /// Trajectories and own parameters of each round.
    rounds: Mutex<Vec<(usize, Vec<usize>)>>,
}

impl StandIn {
    fn new(problem: &Problem, fault: Fault) -> StandIn {
        let rhs = problem.kernels.rhs.clone();
        StandIn { rhs, fault, control: Control::default(), rounds: Mutex::default() }
    }

    fn rounds(&self) -> Vec<(usize, Vec<usize>)> {
        self.rounds.lock().unwrap().clone()
    }
}

impl Lender for StandIn {
    fn lend(&self, work: &mut dyn FnMut(&mut dyn Elsewhere)) {
        work(&mut Lent { of: self, news: vec!["the stand-in computes".into()] });
    }
}

struct Lent<'a> {
    of: &'a StandIn,
    news: Vec<String>,
}

impl Elsewhere for Lent<'_> {
    fn gradients(
        &mut self,
        work: &Trajectories<'_>,
        loss: &mut TrajectoryLoss<'_>,
    ) -> Option<TrajectoryGradients> {
        let round = {
            let mut rounds = self.of.rounds.lock().unwrap();
            rounds.push((work.count, work.own.to_vec()));
            rounds.len() - 1
        };
        match self.of.fault {
            Fault::LostIn(first) if round >= first => return None,
            Fault::Cancels if round == 2 => self.of.control.cancel.store(true, Ordering::Relaxed),
            _ => {}
        }
        let (n, params, own) = (work.u0.len() / work.count, work.shared.len(), work.own.len());
        let mut found = TrajectoryGradients {
            by_u0: vec![0.0; n * work.count],
            by_own: vec![0.0; own * work.count],
            by_shared: vec![0.0; params],
            failed: vec![false; work.count],
        };
        for k in 0..work.count {
            let mut p = work.shared.to_vec();
            for (j, i) in work.own.iter().enumerate() {
                p[*i] = work.own_values[k * own + j];
            }
            let u0 = &work.u0[k * n..(k + 1) * n];
            let ivp = Ivp { rhs: &*self.of.rhs, t0: work.t0, t1: work.t1, u0, p: &p };
            let mut grad_p = vec![0.0; params];
            let mut method = DiscreteAdjoint::named("tsit5").unwrap();
            let by_u0 = &mut found.by_u0[k * n..(k + 1) * n];
            let mut own_loss = |u: &[f64], du: &mut [f64]| loss(k, u, du);
            let solved =
                method.evaluate(&ivp, work.settings, work.saves, &mut own_loss, by_u0, &mut grad_p);
            found.failed[k] = solved.is_err() || self.of.fault == Fault::FailsAt(k);
            if let Fault::Coarse(error) = self.of.fault {
                let wrong = 1.0 + error * ((round + k) as f64).sin();
                by_u0.iter_mut().chain(&mut grad_p).for_each(|g| *g *= wrong);
            }
            for (j, i) in work.own.iter().enumerate() {
                found.by_own[k * own + j] = std::mem::take(&mut grad_p[*i]);
            }
            found.by_shared.iter_mut().zip(grad_p).for_each(|(sum, g)| *sum += g);
        }
        Some(found)
    }

    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}

/// Lotka–Volterra on (0, 6), exact data.
fn lotka() -> Problem {
    let t = times(0.0, 0.25, 25);
    let names = ["alpha", "beta", "delta", "gamma"];
    let mut theta: Vec<_> = names.iter().map(|n| positive(n, 1.2, (0.1, 10.0))).collect();
    theta[1].prior = Some(("normal".into(), vec![1.0, 50.0]));
    let mut problem = Problem {
        kernels: lotka_volterra(),
        observations: vec![
            observation("x", NoiseKind::LeastSquares, 0),
            observation("y", NoiseKind::LeastSquares, 1),
        ],
        theta,
        experiments: vec![experiment(0.0, 4, vec![series(0, &[0.0], &[1.0])])],
        settings: tight(1e-8),
        driven: Vec::new(),
        l2: 0.0,
    };
    let truth = [1.5, 1.0, 3.0, 1.0];
    let curves = Objective::new(problem.clone(), methods()).unwrap().predict(&truth, 0, &t);
    let curves = curves.unwrap();
    problem.experiments[0].series = vec![series(0, &t, &curves[0]), series(1, &t, &curves[1])];
    problem
}

/// x' = s − k x of ten experiments: different beginnings, two spans, different times, an s of its own in the
/// third and a fixed one in the fourth.
fn many_experiments() -> Problem {
    let kernels = ModelKernels {
        initial: DualKernel::shared(0, 2, 1, |_, _, p, out| out[0] = p[1] * c(2.0)),
        rhs: DualKernel::shared(1, 2, 1, |_, u, p, out| out[0] = p[1] - p[0] * u[0]),
        observe: DualKernel::shared(1, 2, 1, |_, u, _, out| out[0] = u[0]),
    };
    let experiments: Vec<Experiment> = (0..10)
        .map(|e| {
            let t = match e {
                5 => times(0.5, 0.25, 11),
                e if e % 2 == 0 => times(0.0, 0.5, 9),
                _ => times(0.0, 0.25, 13),
            };
            let x0 = 0.5 + 0.7 * f64::from(e);
            let exact: Vec<f64> = t.iter().map(|t| 1.25 + (x0 - 1.25) * (-0.8 * t).exp()).collect();
            // The first begins where the parameters say.
            let fixed_initial = if e == 0 { vec![] } else { vec![(0, x0)] };
            let mut found =
                Experiment { fixed_initial, ..experiment(0.0, 2, vec![series(0, &t, &exact)]) };
            match e {
                2 => found.params[1] = Source::Theta(2),
                3 => found.params[1] = Source::Fixed(1.0),
                _ => {}
            }
            found
        })
        .collect();
    Problem {
        kernels,
        observations: vec![observation("x", NoiseKind::LeastSquares, 0)],
        theta: vec![positive("k", 3.0, (0.01, 10.0)), scalar("s", 0.2), scalar("s of one", 0.4)],
        experiments,
        settings: tight(1e-8),
        driven: Vec::new(),
        l2: 0.0,
    }
}

fn recipe() -> Recipe {
    Recipe::custom(vec![Stage::adam(40, 0.05, 0.5), Stage::lbfgs(150, 1.0)])
}

fn from_many(problem: &Problem, recipe: &Recipe, elsewhere: Option<&StandIn>) -> Fit {
    let make = || Objective::new(problem.clone(), methods()).map_err(|e| e.to_string());
    let many = MultiStart { starts: 6, factor: 3.0, seed: 3 };
    let control = elsewhere.map_or_else(Control::default, |e| e.control.clone());
    let lender = elsewhere.map(|e| e as &dyn Lender);
    let (start, emit) = (Start::Problem, &mut |_: Event<'_>| {});
    let none = |_: u64| Vec::new();
    train_from_many(&make, &none, recipe, &many, start, &control, 2, lender, emit)
}

fn alone(problem: &Problem, recipe: &Recipe, elsewhere: Option<&StandIn>) -> Fit {
    let make = || Objective::new(problem.clone(), methods()).map_err(|e| e.to_string());
    let mut objective = make().unwrap();
    let emit = &mut |_: Event<'_>| {};
    match elsewhere {
        None => train(&mut objective, recipe, Start::Problem, &Control::default(), emit),
        Some(lender) => train_elsewhere(
            &mut objective,
            (&make, lender),
            2,
            recipe,
            Start::Problem,
            &lender.control,
            emit,
        ),
    }
}

/// θ and loss of every start.
fn results(fit: &Fit) -> Vec<(u32, Vec<u64>, u64)> {
    let bits = |s: &slopefield_train::Started| {
        let theta = s.fit.theta.iter().map(|v| v.to_bits()).collect();
        (s.index, theta, s.fit.loss.to_bits())
    };
    fit.starts.iter().map(bits).collect()
}

#[track_caller]
fn assert_near(a: &Fit, b: &Fit, tolerance: f64) {
    for (a, b) in a.theta.iter().zip(&b.theta) {
        assert!((a - b).abs() <= tolerance * b.abs(), "{a}, not {b}");
    }
}

#[test]
fn trainings_in_lockstep_take_the_course_that_each_takes_alone() {
    let problem = lotka();
    let wanted = from_many(&problem, &recipe(), None);
    let stand_in = StandIn::new(&problem, Fault::Nothing);
    let found = from_many(&problem, &recipe(), Some(&stand_in));
    assert_eq!(results(&found), results(&wanted));
    for (got, truth) in found.theta.iter().zip([1.5, 1.0, 3.0, 1.0]) {
        assert!((got - truth).abs() < 1e-3, "{:?}", found.theta);
    }
    // All six ask together, in all that Adam does, and for no more.
    let rounds = stand_in.rounds();
    assert_eq!(rounds[0], (6, vec![0, 1, 2, 3]));
    let together = rounds.iter().filter(|(count, _)| *count == 6).count();
    assert!(together >= 39 && rounds.len() <= 60, "{together} of {}", rounds.len());
    assert!(found.notes.iter().any(|(_, note)| note == "the stand-in computes"));
}

#[test]
fn what_is_not_computed_elsewhere_is_computed_here() {
    let problem = lotka();
    let wanted = from_many(&problem, &recipe(), None);
    for fault in [Fault::LostIn(0), Fault::LostIn(7), Fault::FailsAt(0), Fault::FailsAt(4)] {
        let stand_in = StandIn::new(&problem, fault);
        let found = from_many(&problem, &recipe(), Some(&stand_in));
        assert_eq!(results(&found), results(&wanted));
        assert!(!stand_in.rounds().is_empty());
    }
}

#[test]
fn experiments_are_the_trajectories_of_a_training_alone() {
    let problem = many_experiments();
    let all = recipe();
    let wanted = alone(&problem, &all, None);
    assert!(wanted.loss < 20.0, "{wanted:?}");
    for fault in [Fault::Nothing, Fault::LostIn(5), Fault::FailsAt(1)] {
        let stand_in = StandIn::new(&problem, fault);
        let found = alone(&problem, &all, Some(&stand_in));
        assert_near(&found, &wanted, 1e-5);
        assert!((found.loss - wanted.loss).abs() <= 1e-9 * wanted.loss);
        // Only the second parameter differs from experiment to experiment; there are two spans.
        let rounds = stand_in.rounds();
        assert!(rounds.iter().all(|(_, own)| *own == [1]));
        assert_eq!(rounds[0].0 + rounds[1].0, 10);
    }
}

#[test]
fn batches_of_experiments_are_computed_elsewhere_too() {
    let problem = many_experiments();
    let batch = Batch { experiments: 4, seed: 5 };
    let stages = vec![Stage { batch, ..Stage::adam(60, 0.05, 1.0) }, Stage::lbfgs(100, 1.0)];
    let recipe = Recipe::custom(stages);
    let wanted = alone(&problem, &recipe, None);
    let stand_in = StandIn::new(&problem, Fault::Nothing);
    let found = alone(&problem, &recipe, Some(&stand_in));
    assert_near(&found, &wanted, 1e-5);
    let smaller = stand_in.rounds().iter().filter(|(count, _)| *count <= 4).count();
    assert!(smaller >= 60, "{smaller}");
}

/// A device's errors end where the last stage begins, and the loss that is told is the processor's.
#[test]
fn coarse_gradients_lead_to_the_same_minimum() {
    let problem = lotka();
    let halves = Recipe::custom(vec![Stage::lbfgs(200, 1.0)]).for_elsewhere();
    assert_eq!(halves.stages.len(), 2);
    for recipe in [recipe(), halves] {
        let stand_in = StandIn::new(&problem, Fault::Coarse(1e-4));
        let found = alone(&problem, &recipe, Some(&stand_in));
        assert!(found.stop_reason.is_success(), "{:?}", found.stop_reason);
        for (got, truth) in found.theta.iter().zip([1.5, 1.0, 3.0, 1.0]) {
            assert!((got - truth).abs() < 1e-3, "{:?}", found.theta);
        }
        let mut objective = Objective::new(problem.clone(), methods()).unwrap();
        let z = objective.z(&found.theta);
        let exact = objective.evaluate(&z, 1.0, None).unwrap().loss;
        assert!((found.loss - exact).abs() <= 1e-9 * exact, "{} {exact}", found.loss);
        assert!(!stand_in.rounds().is_empty());
    }
}

#[test]
fn a_stop_reaches_trainings_that_wait_for_each_other() {
    let problem = lotka();
    let stand_in = StandIn::new(&problem, Fault::Cancels);
    let found = from_many(&problem, &recipe(), Some(&stand_in));
    assert_eq!(found.stop_reason, StopReason::Cancelled);
    let stand_in = StandIn::new(&problem, Fault::Cancels);
    let found = alone(&problem, &recipe(), Some(&stand_in));
    assert_eq!(found.stop_reason, StopReason::Cancelled);
    let said = &found.notes.last().unwrap().1;
    assert!(said.contains("single precision"), "{said}");
}

/// Fits to data of their own, and at times of their own: each has the gradients of its own data, and goes on
/// alone when it likes.
#[test]
fn fits_to_data_of_their_own_have_rounds_together() {
    let problem = lotka();
    let of = |k: usize| {
        let mut problem = problem.clone();
        for series in &mut problem.experiments[0].series {
            series.values.iter_mut().for_each(|v| *v *= 1.0 + 0.01 * k as f64);
            if k % 3 == 1 {
                // Some points are drawn twice, others not at all.
                series.times[3] = series.times[10];
                series.values[3] = series.values[10];
            }
        }
        Objective::new(problem, methods()).map_err(|e| e.to_string())
    };
    const COUNT: usize = 7;
    let place = |k: usize, step: usize| -> Vec<f64> {
        (0..4).map(|i| 0.05 * ((3 * k + 5 * step + i) as f64).sin()).collect()
    };
    let gradient = |objective: &mut Objective, z: &[f64]| {
        let mut by = vec![0.0; 4];
        let found = objective.evaluate(z, 1.0, Some(&mut by)).unwrap();
        [&[found.loss], &by[..]].concat()
    };
    // Fit k looks at k + 2 places, the last of which is the processor's.
    let piece = |k: usize, objective: &mut Objective| -> Vec<Vec<f64>> {
        let lent = objective.set_elsewhere(true);
        let mut found: Vec<_> =
            (0..k + 1).map(|step| gradient(objective, &place(k, step))).collect();
        assert!(!objective.set_elsewhere(false));
        found.push(gradient(objective, &place(k, k + 1)));
        assert!(lent);
        found
    };
    for fault in [Fault::Nothing, Fault::LostIn(2), Fault::FailsAt(1), Fault::Coarse(1e-3)] {
        let stand_in = StandIn::new(&problem, fault);
        let pool = Pool { make: &of, same_data: false, lender: &stand_in, threads: 2 };
        let done = Mutex::new(Vec::new());
        let tell = |now: u64, all: u64| done.lock().unwrap().push((now, all));
        let found = together(&pool, COUNT, &Control::default(), &tell, &piece);
        assert_eq!(found.news, ["the stand-in computes"]);
        let mut wrong = 0;
        for (k, result) in found.results.into_iter().enumerate() {
            let mut objective = of(k).unwrap();
            let want: Vec<_> =
                (0..k + 2).map(|step| gradient(&mut objective, &place(k, step))).collect();
            let got = result.unwrap().unwrap();
            assert_eq!(got.len(), want.len());
            for (step, (got, want)) in got.iter().zip(&want).enumerate() {
                let exact = fault != Fault::Coarse(1e-3) || step == k + 1;
                let allowed = if exact { 1e-9 } else { 1e-2 };
                let size = want[1..].iter().fold(0.0f64, |m, x| m.max(x.abs()));
                assert!((got[0] - want[0]).abs() <= 1e-9 * want[0], "{k}, {step}");
                for (a, b) in got[1..].iter().zip(&want[1..]) {
                    assert!((a - b).abs() <= allowed * size, "{k}, {step}: {a}, not {b}");
                }
            }
            let far = got[0].iter().zip(&want[0]).any(|(a, b)| (a - b).abs() > 1e-6 * b.abs());
            wrong += usize::from(far);
        }
        // What is wrong elsewhere is seen, but for the lane whose error is 0: the test can fail.
        assert_eq!(wrong, if fault == Fault::Coarse(1e-3) { COUNT - 1 } else { 0 });
        let mut told = done.into_inner().unwrap();
        told.sort_unstable();
        assert_eq!(told, (1..=COUNT as u64).map(|k| (k, COUNT as u64)).collect::<Vec<_>>());
        // All begin together, and nobody waits for those that are done.
        let counts: Vec<usize> = stand_in.rounds().iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [7, 6, 5, 4, 3, 2, 1], "places of each round");
    }
}

#[test]
fn an_objective_that_cannot_be_made_hinders_nobody() {
    let problem = lotka();
    let of = |k: usize| match k {
        2 => Err("no data".to_owned()),
        _ => Objective::new(problem.clone(), methods()).map_err(|e| e.to_string()),
    };
    let stand_in = StandIn::new(&problem, Fault::Nothing);
    let pool = Pool { make: &of, same_data: false, lender: &stand_in, threads: 2 };
    let piece = |_: usize, objective: &mut Objective| {
        objective.set_elsewhere(true);
        let z = objective.z_start();
        objective.evaluate(&z, 1.0, Some(&mut [0.0; 4])).is_ok()
    };
    let found = together(&pool, 4, &Control::default(), &|_, _| {}, &piece);
    let found: Vec<_> = found.results.into_iter().map(Option::unwrap).collect();
    assert_eq!(found, [Ok(true), Ok(true), Err("no data".into()), Ok(true)]);
    // Stopped before it began: nothing is done.
    let control = Control::default();
    control.cancel.store(true, Ordering::Relaxed);
    let found = together(&pool, 4, &control, &|_, _| {}, &piece);
    assert!(found.results.iter().all(Option::is_none));
}
