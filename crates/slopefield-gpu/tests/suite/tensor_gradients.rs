//! Gradients of batched solves against the discrete adjoint of the processor and the kernel that has a
//! thread for each trajectory.

use std::path::Path;
use std::process::Command;

use crate::common::{Random, device, dialect, lowered};
use crate::gradients::{MIXED, assert_near, distance, largest, on_processor, saves};
use crate::tensor::{network, weights};
use crate::trajectories::{LOTKA, Lotka};
use slopefield_ensemble::Values;
use slopefield_gpu::{
    Dialect, GpuError, GradientProgram, GradientReport, GradientSolver, TensorGradientProgram,
    TensorGradientSolver, TensorProgram, Trajectories,
};
use slopefield_graph::LoweredModel;
use slopefield_solve::{Settings, tableau};

fn gradient(
    model: &LoweredModel,
    own: &[usize],
    method: &str,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    change: impl FnOnce(&mut TensorGradientSolver<'_>),
) -> GradientReport {
    let method = tableau(method).expect("built in");
    let program = TensorGradientProgram::of_model(model, own, method, dialect());
    let program = program.expect("it has a form");
    let mut solver =
        TensorGradientSolver::new(device(), &program).unwrap_or_else(|e| panic!("{e}"));
    change(&mut solver);
    solver.gradient(problem, settings, saves, &mut distance).expect("the device works")
}

/// A network of 64 and 40 units from 700 initial states: more than one block of sums, matrices in tiles that
/// are not full.
#[test]
fn a_network_has_the_gradient_of_the_discrete_adjoint() {
    let model = lowered(&network(64, 40));
    let params = model.rhs.eval.shape.params;
    let p = weights(params, 64);
    let mut random = Random(9);
    let u0: Vec<f64> = (0..2 * 700).map(|_| random.uniform(-1.0, 1.0)).collect();
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 700,
        u0: Values::Each(&u0),
        shared: &p,
        own: Values::Same(&[]),
    };
    let (saves, settings) = (saves(0.0, 1.0), Settings::with_tolerances(1e-5, 1e-6));
    for method in ["tsit5", "bs3"] {
        let report = gradient(&model, &[], method, &problem, &settings, &saves, |_| {});
        let table = tableau(method).expect("built in");
        let (loss, by_u0, by_p) = on_processor(&model, &[], &problem, table, &settings, &saves);
        let by_shared: Vec<f64> =
            (0..params).map(|i| by_p.iter().skip(i).step_by(params).sum()).collect();
        assert!(largest(&by_shared) > 1.0);
        assert!((report.loss - loss).abs() <= 2e-5 * loss, "{} instead of {loss}", report.loss);
        assert_near(&report.by_u0, &by_u0, 2e-5, "initial states");
        assert_near(&report.by_shared, &by_shared, 2e-5, "weights");
    }
}

#[test]
fn loops_layers_and_parameters_of_their_own_have_their_gradients() {
    let model = lowered(MIXED);
    let params = model.rhs.eval.shape.params;
    let mut random = Random(3);
    let shared: Vec<f64> = (0..params).map(|_| random.uniform(-0.6, 0.9)).collect();
    let own = [0, 2, 3];
    let own_values: Vec<f64> = (0..3 * 11).map(|_| random.uniform(0.2, 1.0)).collect();
    let u0: Vec<f64> = (0..5 * 11).map(|_| random.uniform(0.2, 1.0)).collect();
    let problem = Trajectories {
        t0: 0.2,
        t1: 2.0,
        count: 11,
        u0: Values::Each(&u0),
        shared: &shared,
        own: Values::Each(&own_values),
    };
    let (saves, settings) = (saves(0.2, 2.0), Settings::with_tolerances(1e-5, 1e-6));
    let report = gradient(&model, &own, "tsit5", &problem, &settings, &saves, |_| {});
    let table = tableau("tsit5").expect("built in");
    let (loss, by_u0, by_p) = on_processor(&model, &own, &problem, table, &settings, &saves);
    assert!((report.loss - loss).abs() <= 2e-5 * loss, "{} instead of {loss}", report.loss);
    // Devices round products with sums once or twice, so their steps differ.
    assert_near(&report.by_u0, &by_u0, 5e-5, "initial states");
    let rows = by_p.chunks_exact(params);
    let by_own: Vec<f64> = rows.clone().flat_map(|row| own.map(|i| row[i])).collect();
    assert_near(&report.by_own, &by_own, 5e-5, "own parameters");
    let sum = |i: usize| if own.contains(&i) { 0.0 } else { rows.clone().map(|row| row[i]).sum() };
    let by_shared: Vec<f64> = (0..params).map(sum).collect();
    assert_near(&report.by_shared, &by_shared, 5e-5, "shared parameters");
}

/// The same steps, so the same gradient but for rounding, as a thread for each trajectory.
#[test]
fn what_a_thread_holds_has_the_same_gradient_there() {
    let model = lowered(LOTKA);
    let (lotka, own) = (Lotka::new(100), [0, 1, 2, 3]);
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 21));
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let table = tableau("tsit5").expect("built in");
    let program = GradientProgram::of_model(&model, &own, table, dialect()).expect("a form");
    let solver = GradientSolver::new(device(), &program).expect("the device works");
    let want = solver.gradient(&problem, &settings, &saves, &mut distance).expect("it works");
    let got = gradient(&model, &own, "tsit5", &problem, &settings, &saves, |_| {});
    // Where rounding tips a step, trajectories and their gradients differ by the tolerance.
    let same = |k: &usize| want.trajectories[*k] == got.trajectories[*k];
    let same: Vec<usize> = (0..100).filter(same).collect();
    assert!(same.len() >= 30, "{} of 100 take the same steps", same.len());
    for (got, want, len, what) in
        [(&got.by_u0, &want.by_u0, 2, "initial states"), (&got.by_own, &want.by_own, 4, "own")]
    {
        let rows = |all: &[f64]| -> Vec<f64> {
            same.iter().flat_map(|k| all[k * len..(k + 1) * len].to_vec()).collect()
        };
        assert_near(&rows(got), &rows(want), 1e-4, what);
    }
}

#[test]
fn neither_cuts_nor_memory_nor_room_change_a_bit() {
    let model = lowered(&network(20, 17));
    let p = weights(model.rhs.eval.shape.params, 20);
    let mut random = Random(2);
    let count = 600;
    let u0: Vec<f64> = (0..2 * count).map(|_| random.uniform(-1.0, 1.0)).collect();
    let problem = Trajectories {
        t0: 0.0,
        t1: 0.8,
        count,
        u0: Values::Each(&u0),
        shared: &p,
        own: Values::Same(&[]),
    };
    let (saves, settings) = (saves(0.0, 0.8), Settings::with_tolerances(1e-5, 1e-6));
    let with = |change: &dyn Fn(&mut TensorGradientSolver<'_>)| {
        let change = |solver: &mut TensorGradientSolver<'_>| {
            solver.room = 40;
            change(solver);
        };
        gradient(&model, &[], "tsit5", &problem, &settings, &saves, change)
    };
    let want = with(&|_| {});
    let all =
        |report: &GradientReport| [&report.by_u0[..], &report.by_shared, &[report.loss]].concat();
    let same = |got: &GradientReport, what: &str| {
        let bits = all(got).iter().zip(&all(&want)).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(bits, "{what} changes numbers");
        assert_eq!(got.trajectories, want.trajectories, "{what}");
    };
    let cut = with(&|solver| solver.rounds = Some(1));
    assert!(cut.runs > want.runs);
    same(&cut, "how the work is cut");
    same(&with(&|solver| solver.room = 2), "too little room at first");
    // Memory for a little more than a block of sums.
    let few = with(&|solver| solver.memory = want.memory * 95 / 100);
    assert!(few.memory < want.memory * 9 / 10, "{} of {}", few.memory, want.memory);
    same(&few, "memory for one block");
}

/// Batches of several sizes one after the other, on the arrays of those before: the bits of a solver that
/// does nothing else. Half of the trajectories of one batch have no gradient.
#[test]
fn arrays_are_kept_and_nothing_stays_in_them() {
    let model = lowered(&network(20, 17));
    let p = weights(model.rhs.eval.shape.params, 20);
    let mut random = Random(5);
    let u0: Vec<f64> = (0..2 * 90).map(|_| random.uniform(-1.0, 1.0)).collect();
    let broken: Vec<f64> =
        u0.iter().enumerate().map(|(k, x)| if k % 4 == 0 { f64::NAN } else { *x }).collect();
    let problems = [&u0[..], &broken, &u0[..80], &u0].map(|u0| Trajectories {
        t0: 0.0,
        t1: 0.8,
        count: u0.len() / 2,
        u0: Values::Each(u0),
        shared: &p,
        own: Values::Same(&[]),
    });
    let (saves, settings) = (saves(0.0, 0.8), Settings::with_tolerances(1e-5, 1e-6));
    let method = tableau("tsit5").expect("built in");
    let program = TensorGradientProgram::of_model(&model, &[], method, dialect()).expect("a form");
    let kept = TensorGradientSolver::new(device(), &program).expect("the device works");
    let mut taken = Vec::new();
    for problem in &problems {
        let fresh = TensorGradientSolver::new(device(), &program).expect("the device works");
        let [got, want] = [&kept, &fresh].map(|solver| {
            solver.gradient(problem, &settings, &saves, &mut distance).expect("it works")
        });
        let all = |r: &GradientReport| [&r.by_u0[..], &r.by_shared, &[r.loss]].concat();
        let bits = |r: &GradientReport| all(r).into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&got), bits(&want), "{} trajectories", problem.count);
        // As text, in which NaN is NaN.
        assert_eq!(format!("{:?}", got.trajectories), format!("{:?}", want.trajectories));
        taken.push(kept.memory_taken());
    }
    assert_eq!(taken, [14; 4], "memory is taken once for each array");
}

/// `x' = p x²` from `u` has `x(t) = u/(1 − p t u)`, up to `t = 1/(p u)`.
#[test]
fn a_trajectory_that_fails_has_the_gradient_of_what_it_reached() {
    let model = lowered("state x = 1\nparam p = 1\nx' = p*x^2\n");
    let own = [0.25, 2.0, -1.0, 4.0];
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 4,
        u0: Values::Same(&[1.0]),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let saves = [0.0, 0.2, 0.45, 1.0];
    let method = tableau("tsit5").expect("built in");
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = TensorGradientProgram::of_model(&model, &[0], method, dialect());
    let program = program.expect("it has a form");
    let solver = TensorGradientSolver::new(device(), &program).expect("the device works");
    let mut reached_only = |_: usize, states: &[f64], by: &mut [f64]| {
        let mut sum = 0.0;
        for (x, by) in states.iter().zip(by).filter(|(x, _)| x.is_finite()) {
            (*by, sum) = (1.0, sum + x);
        }
        sum
    };
    let report = solver.gradient(&problem, &settings, &saves, &mut reached_only).expect("works");
    for (k, p) in own.iter().enumerate() {
        let reached = saves.iter().filter(|t| p * **t < 1.0);
        let by_u0: f64 = reached.clone().map(|t| (1.0 - p * t).powi(-2)).sum();
        let by_p: f64 = reached.map(|t| t * (1.0 - p * t).powi(-2)).sum();
        assert_eq!(report.trajectories[k].is_ok(), *p < 1.0);
        let (got_u0, got_p) = (report.by_u0[k], report.by_own[k]);
        assert!((got_u0 - by_u0).abs() <= 1e-3 * by_u0, "{p}: {got_u0} instead of {by_u0}");
        assert!((got_p - by_p).abs() <= 1e-3 * by_p, "{p}: {got_p} instead of {by_p}");
    }
    let report = solver.gradient(&problem, &settings, &saves, &mut distance).expect("works");
    for (k, p) in own.iter().enumerate() {
        assert_eq!(report.by_u0[k].is_finite(), *p < 1.0, "{report:?}");
        assert_eq!(report.by_own[k].is_finite(), *p < 1.0, "{report:?}");
    }
}

/// The text of every program of a solve and its gradient is C++ but for what CUDA adds to it. Threads that
/// wait for each other do not run one after the other, so this only compiles.
#[test]
fn every_program_is_cuda_text_too() {
    let model = lowered(&network(64, 40));
    for dialect in [Dialect::CudaSingle, Dialect::CudaDouble] {
        let method = tableau("tsit5").expect("built in");
        let program = TensorGradientProgram::of_model(&model, &[], method, dialect);
        let program = program.expect("it has a form");
        let vern7 = tableau("vern7").expect("built in");
        let solve = TensorProgram::of_model(&model, &[], vern7, dialect).expect("it has a form");
        let texts = program.forward().texts().chain(program.texts()).chain(solve.texts());
        let mut all = "#include \"shim.h\"\n#define __shared__ static\n".to_owned();
        all += "static void __syncthreads() {}\n";
        for (k, text) in texts.enumerate() {
            let text = text.replace("extern \"C\" __global__", "__global__");
            all += &format!("namespace program{k} {{\n{text}}}\n");
        }
        let folder = tempfile::tempdir().expect("there is a place for files");
        let file = folder.path().join("programs.cpp");
        std::fs::write(&file, &all).expect("the text is written");
        let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/shim");
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
        let built =
            Command::new(&compiler).args(["-fsyntax-only", "-I"]).arg(shim).arg(&file).output();
        let built = built.unwrap_or_else(|e| {
            panic!("these tests need a C++ compiler (Debian and Ubuntu: build-essential): {e}")
        });
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
}

#[test]
fn what_has_no_gradient_there_is_refused() {
    let make = |text: &str, method: &str| {
        let method = tableau(method).expect("built in");
        let made = TensorGradientProgram::of_model(&lowered(text), &[], method, dialect());
        made.expect_err("it is refused")
    };
    let delayed = "state x = 1\nx' = -delay(x, 0.5)\nhistory x = 1\n";
    assert!(make(delayed, "tsit5").to_string().contains("delays"));
    assert!(matches!(make(LOTKA, "vern7"), GpuError::Method { .. }));
}
