//! The accepted step allocates nothing, nor does a repeated solve of the same size.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "suite/common/mod.rs"]
mod common;

use common::*;
use slopefield_kernel::{
    Cotangent, DelayedRead, Delays, Kernel, NoiseKind, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, Step, Stepper, drive};
use slopefield_stochastic::{JumpDiffusion, Process, Thinning, method, methods};
use std::alloc::{GlobalAlloc, Layout, System as Allocator};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes every request on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { Allocator.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `Allocator` through `alloc` with this layout.
        unsafe { Allocator.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn check(name: &str, stepper: &mut dyn Stepper, system: System, u0: &[f64], settings: &Settings) {
    let model = Model::<f64>::new(system);
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0, p: &[] };
    let saves: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.5).collect();
    let mut out = vec![0.0; saves.len() * u0.len()];
    let mut at_first_step = None;
    let mut steps = 0;
    let mut watch = |_: &Step, _: &mut dyn Stepper| {
        at_first_step.get_or_insert_with(allocations);
        steps += 1;
        Ok(())
    };
    drive(stepper, &ivp, settings, &saves, &mut out, Some(&mut watch)).unwrap();
    let first_solve = allocations();
    assert!(steps > 3, "{name}");
    assert_eq!(at_first_step, Some(first_solve), "in the steps of {name}");
    drive(stepper, &ivp, settings, &saves, &mut out, None).unwrap();
    assert_eq!(allocations(), first_solve, "in a second solve of {name}");
}

#[test]
fn no_step_allocates_and_no_repeated_solve_does() {
    let counter = System::jumps(
        1,
        None,
        (
            |_, u, _, out| out.copy_from_slice(&[100.0, u[0]]),
            |_, _, _, du, out| out.copy_from_slice(&[0.0, du[0]]),
        ),
        &[&[(0, 1.0)], &[(0, -1.0)]],
        &[&[1], &[1]],
    );
    let settings = Settings::with_tolerances(1e-3, 1e-3);
    for info in methods() {
        let mut stepper = (info.build)();
        if info.process == Process::Jumps {
            check(info.id, &mut *stepper, counter, &[50.0], &settings);
            continue;
        }
        let additive_only = info.id.starts_with("sra") || info.id == "sosra";
        let system = if additive_only { additive() } else { geometric() };
        check(info.id, &mut *stepper, system, &[0.5], &settings);
        check(info.id, &mut *stepper, system, &[0.5], &fixed(1.0 / 64.0, 0));
        if !additive_only && !info.id.starts_with("s") {
            let kind = NoiseKind::Commutative;
            let system = system.with(kind, slopefield_kernel::Calculus::Stratonovich);
            check(info.id, &mut *stepper, system, &[0.5], &settings);
        }
        let jumping = System {
            rates: counter.rates,
            changes: counter.changes,
            alters: counter.alters,
            ..system
        };
        let mut stepper = JumpDiffusion::new(method(info.id).unwrap());
        check(info.id, &mut stepper, jumping, &[0.5], &settings);
    }
    let mut stepper = JumpDiffusion::new(slopefield_solve::method("tsit5").unwrap());
    let flowing = System { constant_between: false, ..counter };
    check("tsit5 with jumps", &mut stepper, flowing, &[50.0], &settings);
}

/// A system with bounds of its rates, or with its drift and noise at the state of time 1/4 ago.
struct More {
    model: Model<f64>,
    bounds: Option<Function>,
    lag: Option<(Function, Function)>,
}

impl Kernel for More {
    fn shape(&self) -> Shape {
        let shape = self.model.shape();
        Shape { states: shape.states + usize::from(self.lag.is_some()), ..shape }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.model.eval(t, &u[..1], p, out, scratch);
        if self.lag.is_some() {
            out[0] += u[1];
        }
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        unreachable!("explicit methods evaluate only");
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("explicit methods evaluate only");
    }
    fn structure(&self) -> Structure<'_> {
        static READS: [DelayedRead; 1] = [DelayedRead { state: 0, lag: 0, slope: false }];
        Structure {
            rate_bounds: self.bounds.as_ref().map(|bounds| bounds as &dyn Kernel),
            delays: self.lag.as_ref().map(|(lags, history)| Delays {
                reads: &READS,
                lags,
                constant: &[true],
                history,
                jumps_at_start: false,
            }),
            ..self.model.structure()
        }
    }
}

/// Allocations of a first and of a second solve, and at the first step of the first.
fn count(stepper: &mut dyn Stepper, rhs: &dyn Kernel, settings: &Settings) -> [u64; 3] {
    let ivp = Ivp { rhs, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
    let saves: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.5).collect();
    let mut out = vec![0.0; saves.len()];
    let mut at_first_step = None;
    let mut watch = |_: &Step, _: &mut dyn Stepper| {
        at_first_step.get_or_insert_with(allocations);
        Ok(())
    };
    drive(stepper, &ivp, settings, &saves, &mut out, Some(&mut watch)).unwrap();
    let first = allocations();
    drive(stepper, &ivp, settings, &saves, &mut out, None).unwrap();
    [at_first_step.unwrap(), first, allocations()]
}

#[test]
fn thinning_and_noise_with_delays_allocate_nothing_either() {
    let function =
        |states, outputs, value| Function { states, params: 0, outputs, value, along: NO_CHANGE };
    let rates = Some(function(1, 1, |_, _, _, out| out[0] = 20.0));
    let bounds = Some(function(1, 2, |_, _, _, out| out.copy_from_slice(&[30.0, f64::INFINITY])));
    let jumping = System { rates, changes: &[&[(0, 0.1)]], alters: &[&[]], ..geometric() };
    let thinned = More { model: Model::new(jumping), bounds, lag: None };
    let settings = Settings::with_tolerances(1e-3, 1e-3);
    let [at_step, first, second] =
        count(&mut Thinning::new(method("em").unwrap()), &thinned, &settings);
    assert_eq!((at_step, first), (first, second), "thinning");
    let lag =
        (function(2, 1, |_, _, _, out| out[0] = 0.25), function(0, 1, |_, _, _, out| out[0] = 0.5));
    let mut model = geometric();
    model.noise = model
        .noise
        .map(|noise| Noisy { coefficients: Function { states: 2, ..noise.coefficients }, ..noise });
    let delayed = More { model: Model::new(model), bounds: None, lag: Some(lag) };
    // The past grows until it is as long as the lag; the next solve finds room.
    let [_, first, second] = count(&mut *method("em").unwrap(), &delayed, &fixed(1.0 / 64.0, 0));
    assert_eq!(first, second, "noise with a delay");
}
