//! Events at given times, such as doses, against the processor.

use std::sync::Arc;

use crate::common::{Random, device, dialect, lowered};
use crate::cuda::solved;
use slopefield_cpu::CompiledKernel;
use slopefield_ensemble::{TrajectoryResult, Values};
use slopefield_gpu::{Dialect, GpuError, Solver, Trajectories, TrajectoryProgram};
use slopefield_graph::ModelFunction;
use slopefield_kernel::{
    Cotangent, Crossing, Event, Events, Kernel, Point, Shape, Structure, Tangent, Trigger,
};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, SolveError, drive, tableau};

/// A drug that is taken again and again, and washed out at times.
const DOSES: &str = "
state depot = 2
state blood = 0.5
param absorb = 1.1
param leave = 0.4
param pause = 3
depot' = -absorb*depot
blood' = absorb*depot - leave*blood + 0.1*sin(t)
every pause from 1 count 3: depot += 5 + 0.1*blood
at [4, 2.5, 11]: blood = 0.5*blood, depot = depot + 0.01*t
";

fn events() -> Vec<Event> {
    vec![
        Event {
            trigger: Trigger::Every { period: 0, from: 1, count: Some(3) },
            affect: Some(0),
            stop: false,
        },
        Event { trigger: Trigger::At(2..5), affect: Some(1), stop: false },
    ]
}

/// The same system for the solver of the processor.
struct Dosed {
    slopes: CompiledKernel,
    times: CompiledKernel,
    affects: Vec<Arc<dyn Kernel>>,
    list: Vec<Event>,
}

impl Dosed {
    fn new() -> Self {
        let model = lowered(DOSES);
        let compile = |function| {
            let plans = model.plans(function).expect("the model has it");
            slopefield_cpu::compile(plans).expect("it compiles")
        };
        Dosed {
            slopes: compile(ModelFunction::Rhs),
            times: compile(ModelFunction::EventTimes),
            affects: vec![
                Arc::new(compile(ModelFunction::Affect(0))),
                Arc::new(compile(ModelFunction::Affect(1))),
            ],
            list: events(),
        }
    }
}

impl Kernel for Dosed {
    fn shape(&self) -> Shape {
        self.slopes.shape()
    }

    fn scratch_len(&self) -> usize {
        self.slopes.scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.slopes.eval(t, u, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.slopes.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.slopes.vjp(at, w, grad, scratch);
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            events: Some(Events {
                list: &self.list,
                roots: None,
                times: Some(&self.times),
                affects: &self.affects,
            }),
            ..Structure::default()
        }
    }
}

/// Absorption and elimination of each, the pause of all.
fn own(count: usize) -> Vec<f64> {
    let mut random = Random(8);
    (0..count).flat_map(|_| [random.uniform(0.7, 1.5), random.uniform(0.2, 0.6)]).collect()
}

const SHARED: [f64; 3] = [f64::NAN, f64::NAN, 3.0];

fn on_processor(
    id: &str,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Vec<u64>) {
    let system = Dosed::new();
    let (Values::Same(u0), Values::Each(own)) = (problem.u0, problem.own) else {
        panic!("each has its own parameters only")
    };
    let (mut all, mut accepted) = (Vec::new(), Vec::new());
    for own in own.chunks_exact(2) {
        let p = [own[0], own[1], problem.shared[2]];
        let ivp = Ivp { rhs: &system, t0: problem.t0, t1: problem.t1, u0, p: &p };
        let mut out = vec![0.0; saves.len() * 2];
        let mut stepper = ExplicitRungeKutta::new(tableau(id).expect("built in"));
        let stats = drive(&mut stepper, &ivp, settings, saves, &mut out, None);
        accepted.push(stats.expect("it is solved").accepted);
        all.extend(out);
    }
    (all, accepted)
}

fn program(id: &str, dialect: Dialect) -> TrajectoryProgram {
    let method = tableau(id).expect("built in");
    TrajectoryProgram::with_timed_events(&lowered(DOSES), &events(), &[0, 1], method, dialect)
        .unwrap_or_else(|e| panic!("{e}"))
}

fn problem(own: &[f64], (t0, t1): (f64, f64)) -> Trajectories<'_> {
    let count = own.len() / 2;
    let (u0, own) = (Values::Same(&[2.0, 0.5][..]), Values::Each(own));
    Trajectories { t0, t1, count, u0, shared: &SHARED, own }
}

/// Save times before, at and after events, two events at t = 4, one at the end.
const SAVES: [f64; 9] = [0.0, 0.9, 1.0, 2.5, 3.3, 4.0, 4.0, 7.5, 11.0];

#[test]
fn in_double_precision_doses_are_those_of_the_processor() {
    let own = own(40);
    for (id, tolerance) in [("tsit5", 1e-7), ("bs3", 1e-4), ("vern7", 1e-9)] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let program = program(id, Dialect::CudaDouble);
        let problem = problem(&own, (0.0, 11.0));
        let (want, steps) = on_processor(id, &problem, &settings, &SAVES);
        let (got, all) = solved(&program, Dialect::CudaDouble, &problem, &settings, &SAVES);
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let far = (got - want).abs() / want.abs();
            assert!(far <= 1e-10, "{id}, {i}: {got} instead of {want}");
        }
        assert!(all.iter().flatten().all(|stats| stats.events == 6), "{all:?}");
        let taken: Vec<u64> = all.iter().map(|r| r.as_ref().map_or(0, |s| s.accepted)).collect();
        assert_eq!(taken, steps, "{id}");
    }
}

fn on_device(
    program: &TrajectoryProgram,
    problem: &Trajectories<'_>,
    saves: &[f64],
    attempts: Option<u32>,
) -> (Vec<f64>, Vec<TrajectoryResult>) {
    let mut solver = Solver::new(device(), program).unwrap_or_else(|e| panic!("{e}"));
    solver.attempts = attempts;
    let mut out = vec![0.0; problem.count * saves.len() * 2];
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let report = solver.solve(problem, &settings, saves, &mut out).expect("the device works");
    (out, report.trajectories)
}

#[test]
fn in_single_precision_doses_are_as_near_as_it_lets_them() {
    let own = own(100);
    let (program, problem) = (program("tsit5", dialect()), problem(&own, (0.0, 11.0)));
    let strict = Settings::with_tolerances(1e-10, 1e-10);
    let (want, _) = on_processor("tsit5", &problem, &strict, &SAVES);
    let (got, all) = on_device(&program, &problem, &SAVES, None);
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((got - want).abs() <= 1e-4 * want.abs(), "{i}: {got} instead of {want}");
    }
    let (again, _) = on_device(&program, &problem, &SAVES, Some(2));
    assert!(again.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()));
}

/// At the start, and backward in time.
#[test]
fn events_happen_at_the_start_and_backward_in_time() {
    let own = own(10);
    for (span, saves) in [((1.0, 5.0), [1.0, 4.0, 5.0]), ((5.0, 0.5), [4.5, 4.0, 0.5])] {
        let problem = problem(&own, span);
        let strict = Settings::with_tolerances(1e-10, 1e-10);
        let (want, _) = on_processor("tsit5", &problem, &strict, &saves);
        let program = program("tsit5", Dialect::CudaDouble);
        let (got, all) = solved(&program, Dialect::CudaDouble, &problem, &strict, &saves);
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert!((got - want).abs() <= 1e-8 * want.abs(), "{i}: {got} instead of {want}");
        }
    }
}

#[test]
fn other_events_are_refused_and_bad_changes_told() {
    let tsit5 = tableau("tsit5").expect("built in");
    let make = |list: &[Event], own: &[usize]| {
        TrajectoryProgram::with_timed_events(&lowered(DOSES), list, own, tsit5, dialect())
    };
    let mut list = events();
    list[1].stop = true;
    assert!(matches!(make(&list, &[0, 1]), Err(GpuError::Model { .. })));
    list[1] = Event {
        trigger: Trigger::Crossing { root: 0, direction: Crossing::Both },
        affect: None,
        stop: false,
    };
    assert!(matches!(make(&list, &[0, 1]), Err(GpuError::Model { .. })));
    list[1] = Event { trigger: Trigger::At(3..9), affect: Some(1), stop: false };
    assert!(matches!(make(&list, &[0, 1]), Err(GpuError::Invalid(_))));
    // The pause is each trajectory's own.
    let program = make(&events(), &[0, 1, 2]).expect("it has a form");
    let solver = Solver::new(device(), &program).expect("the device works");
    let each =
        Trajectories { own: Values::Same(&[1.0, 0.4, 3.0]), ..problem(&[1.0, 0.4], (0.0, 5.0)) };
    let mut out = [0.0; 2];
    let error = solver.solve(&each, &Settings::default(), &[5.0], &mut out);
    assert!(error.is_err_and(|e| e.to_string().contains("of its own")));

    let text = "state x = 1\nparam p = 0\nx' = -x\nat [0.5]: x = 1/p\n";
    let list = [Event { trigger: Trigger::At(0..1), affect: Some(0), stop: false }];
    let model = lowered(text);
    let program = TrajectoryProgram::with_timed_events(&model, &list, &[0], tsit5, dialect());
    let program = program.expect("it has a form");
    let solver = Solver::new(device(), &program).expect("the device works");
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 2,
        u0: Values::Same(&[1.0]),
        shared: &[0.0],
        own: Values::Each(&[0.5, 0.0]),
    };
    let mut out = [0.0; 2];
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let report = solver.solve(&problem, &settings, &[1.0], &mut out).expect("the device works");
    assert!((out[0] - 2.0 * (-0.5_f64).exp()).abs() < 1e-4 && out[1].is_nan(), "{out:?}");
    let failure = report.trajectories[1].as_ref().expect_err("a division by zero");
    let SolveError::Invalid(why) = &failure.error else { panic!("{failure:?}") };
    assert!(why.contains("state 0 not finite at t = 0.5"), "{why}");
}
