//! The CUDA C++ text, compiled for the processor: its numbers against interpreter and ensembles.

use std::path::Path;
use std::process::Command;

use crate::common::{Random, device, lowered};
use crate::trajectories::{LOTKA, Lotka, on_processor, one_by_one};
use slopefield_gpu::{Arrays, Dialect, PointProgram, Solver, Trajectories, TrajectoryProgram};
use slopefield_graph::Interpreter;
use slopefield_kernel::Kernel;
use slopefield_solve::{Settings, tableau};

/// Numbers as the bytes of a dialect.
pub fn real(dialect: Dialect, numbers: &[f64]) -> Vec<u8> {
    if dialect.is_double() {
        numbers.iter().flat_map(|x| x.to_ne_bytes()).collect()
    } else {
        numbers.iter().flat_map(|x| (*x as f32).to_ne_bytes()).collect()
    }
}

fn ticks(dialect: Dialect, times: &[u64]) -> Vec<u8> {
    if dialect.is_double() {
        times.iter().flat_map(|x| x.to_ne_bytes()).collect()
    } else {
        times.iter().flat_map(|x| (*x as u32).to_ne_bytes()).collect()
    }
}

pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|x| x.to_ne_bytes()).collect()
}

/// Compiles `kernel` with one of the programs in `shim` and runs it on arrays given as lengths and
/// bytes; gives what it writes.
pub fn run(kernel: &str, program: &str, arrays: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("there is a place for files");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("kernel.cu"), kernel).expect("the kernel is written");
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/shim");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let built = Command::new(&compiler)
        .args(["-O2", "-ffp-contract=off", "-I"])
        .arg(folder.path())
        .arg("-I")
        .arg(&shim)
        .arg(shim.join(program))
        .arg("-o")
        .arg(at("program"))
        .output();
    let built = built.unwrap_or_else(|e| {
        panic!("these tests need a C++ compiler (Debian and Ubuntu: build-essential): {e}")
    });
    assert!(built.status.success(), "{}\n{kernel}", String::from_utf8_lossy(&built.stderr));
    let mut input = Vec::new();
    for (len, bytes) in arrays {
        input.extend((*len as u32).to_ne_bytes());
        input.extend(bytes);
    }
    std::fs::write(at("in"), input).expect("the arrays are written");
    let ran = Command::new(at("program")).arg(at("in")).arg(at("out")).status();
    assert!(ran.is_ok_and(|status| status.success()), "the kernel fails");
    std::fs::read(at("out")).expect("the kernel writes")
}

pub fn numbers(dialect: Dialect, bytes: &[u8]) -> Vec<f64> {
    if dialect.is_double() {
        let number = |b: &[u8]| f64::from_ne_bytes(b.try_into().expect("eight bytes"));
        bytes.chunks_exact(8).map(number).collect()
    } else {
        let number = |b: &[u8]| f64::from(f32::from_ne_bytes(b.try_into().expect("four bytes")));
        bytes.chunks_exact(4).map(number).collect()
    }
}

const EVERYTHING: &str = "
const N = 5
state u[N] = 0.4
state a = 0.3
param k = 1.2
param r[N] = 0.5
network n: mlp(inputs: 2, outputs: 1, hidden: [6], activation: gelu)
u[i]' = k*(mean(u) - u[i]) + r[i]*sin(u[i]*t)*exp(-a) + erf(u[i]) - cbrt(u[i])*sigmoid(a) for i in 1..N
a' = n(u[1], a) + atan2(a, u[2])^1.3 + (if a > 0.5 then gamma(1 + a) else lgamma(2 + a)) +
   softplus(a)*round(3*a) + max(a, u[3])*tanh(a) + log10(1 + a^2) + expm1(a)*log1p(u[4])
";

#[test]
fn a_right_hand_side_has_the_interpreters_values() {
    let plans = lowered(EVERYTHING).rhs;
    let own: Vec<usize> = vec![0, 2, 3];
    let (shape, count) = (plans.eval.shape, 70);
    let mut random = Random(5);
    let mut rows = |n: usize| -> Vec<Vec<f64>> {
        (0..n).map(|_| (0..count).map(|_| random.uniform(0.1, 0.9)).collect()).collect()
    };
    let (t, u, p) = (rows(1), rows(shape.states), rows(shape.params));
    let shared: Vec<f64> = p.iter().map(|row| row[0]).collect();
    let kernel = Interpreter::new(plans.clone());
    let mut scratch = vec![0.0; kernel.scratch_len()];
    for (dialect, tolerance) in [(Dialect::CudaDouble, 2e-15), (Dialect::CudaSingle, 1e-6)] {
        let program = PointProgram::new(&plans.eval, &own, dialect).expect("it has a form");
        let mut columns = [t.concat(), u.concat()].concat();
        own.iter().for_each(|i| columns.extend(&p[*i]));
        let joint = program.joint_values(&shared);
        let tables = program.tables(count);
        let results = program.outputs * count;
        let out = run(
            &program.text,
            "points.cpp",
            &[
                (joint.len(), real(dialect, &joint)),
                (columns.len(), real(dialect, &columns)),
                (tables.len(), words(&tables)),
                (results, real(dialect, &vec![0.0; results])),
            ],
        );
        let got = numbers(dialect, &out);
        for k in 0..count {
            let at_k = |rows: &[Vec<f64>]| rows.iter().map(|row| row[k]).collect::<Vec<_>>();
            let own_value = |(i, shared): (usize, &f64)| {
                if own.contains(&i) { p[i][k] } else { *shared }
            };
            let params: Vec<f64> = shared.iter().enumerate().map(own_value).collect();
            let mut want = vec![0.0; shape.outputs];
            kernel.eval(t[0][k], &at_k(&u), &params, &mut want, &mut scratch);
            for (i, want) in want.iter().enumerate() {
                let got = got[i * count + k];
                let far = (got - want).abs() / want.abs().max(1.0);
                assert!(far <= tolerance, "{dialect:?}, {i}: {got} instead of {want}");
            }
        }
    }
}

/// What the arrays hold that a program of whole solves writes.
pub struct Written {
    pub results: Vec<f64>,
    pub kept: Vec<f64>,
    pub counts: Vec<u32>,
    pub clock: Vec<u64>,
}

impl Written {
    /// All 0, but for the clock.
    pub fn before(arrays: &Arrays) -> Self {
        Written {
            results: vec![0.0; arrays.results],
            kept: vec![0.0; arrays.kept],
            counts: vec![0; arrays.counts],
            clock: arrays.clock.clone(),
        }
    }
}

/// Runs a program of whole solves to its end.
pub fn finished(
    text: &str,
    dialect: Dialect,
    (joint, own, tables): (&[f64], &[f64], &[u32]),
    before: &Written,
) -> Written {
    let Written { results, kept, counts, clock } = before;
    let bytes = run(
        text,
        "solve.cpp",
        &[
            (joint.len(), real(dialect, joint)),
            (own.len(), real(dialect, own)),
            (tables.len(), words(tables)),
            (results.len(), real(dialect, results)),
            (kept.len(), real(dialect, kept)),
            (counts.len(), words(counts)),
            (clock.len(), ticks(dialect, clock)),
        ],
    );
    let size = if dialect.is_double() { 8 } else { 4 };
    let (result_bytes, rest) = bytes.split_at(results.len() * size);
    let (kept_bytes, rest) = rest.split_at(kept.len() * size);
    let (count_bytes, clock_bytes) = rest.split_at(counts.len() * 4);
    let word = |b: &[u8]| u32::from_ne_bytes(b.try_into().expect("four bytes"));
    let clock = if dialect.is_double() {
        let long = |b: &[u8]| u64::from_ne_bytes(b.try_into().expect("eight bytes"));
        clock_bytes.chunks_exact(8).map(long).collect()
    } else {
        clock_bytes.chunks_exact(4).map(|b| u64::from(word(b))).collect()
    };
    Written {
        results: numbers(dialect, result_bytes),
        kept: numbers(dialect, kept_bytes),
        counts: count_bytes.chunks_exact(4).map(word).collect(),
        clock,
    }
}

/// Solves with a program of a CUDA dialect, on the device where it runs that, else compiled for the
/// processor: states, steps accepted and rejected.
pub fn solved(
    program: &TrajectoryProgram,
    dialect: Dialect,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Vec<slopefield_ensemble::TrajectoryResult>) {
    program.check(problem, settings, saves).expect("the problem makes sense");
    if device().dialect(dialect.is_double()) == Some(dialect) {
        let mut solver = Solver::new(device(), program).unwrap_or_else(|e| panic!("{e}"));
        solver.attempts = Some(37);
        let mut out = vec![0.0; problem.count * saves.len() * program.states()];
        let report = solver.solve(problem, settings, saves, &mut out).expect("the device works");
        return (out, report.trajectories);
    }
    let arrays = program.arrays(problem, settings, saves, (0, problem.count), 37);
    let inputs = (&arrays.joint_values[..], &arrays.own_values[..], &arrays.tables[..]);
    let written = finished(&program.text, dialect, inputs, &Written::before(&arrays));
    let mut out = vec![0.0; problem.count * saves.len() * program.states()];
    let mut all = Vec::new();
    program.unpack(
        problem,
        settings,
        saves.len(),
        (&written.results, &written.kept),
        &written.counts,
        &written.clock,
        None,
        &mut all,
        &mut out,
    );
    (out, all)
}

/// In double precision the kernel is the processor's algorithm: the same steps, and states that
/// differ by rounding.
#[test]
fn in_double_precision_the_steps_are_those_of_the_processor() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(300);
    let own = [0, 1, 2, 3];
    for (method, tolerance) in [("tsit5", 1e-6), ("tsit5", 1e-9), ("dp5", 1e-7), ("bs3", 1e-4)] {
        let method = tableau(method).expect("built in");
        let program = TrajectoryProgram::of_model(&model, &own, method, Dialect::CudaDouble);
        let program = program.expect("it has a form");
        let settings = Settings::with_tolerances(tolerance, tolerance);
        for (t0, t1) in [(0.0, 10.0), (3.0, 1.0)] {
            let saves = Lotka::saves(t0, t1, 23);
            let problem = Trajectories { t0, t1, ..lotka.problem() };
            let (want, report) = on_processor(&model, &problem, method, &settings, &saves);
            let (got, all) = solved(&program, Dialect::CudaDouble, &problem, &settings, &saves);
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                let far = (got - want).abs() / want.abs();
                assert!(far <= 1e-10, "{}, {i}: {got} instead of {want}", method.id);
            }
            for (got, want) in all.iter().zip(&report.trajectories) {
                assert_eq!(got.as_ref().ok(), want.as_ref().ok(), "{}", method.id);
                assert!(got.is_ok(), "{got:?}");
            }
        }
    }
}

/// Methods with stages that only the interpolant needs: save points within steps, and at their ends. The
/// error estimates of all but `vern7` are differences of terms up to a hundred times as large as the
/// slopes, so that rounding moves the ends of their steps.
#[test]
fn methods_of_high_order_take_the_steps_of_the_processor() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(60);
    for (id, tolerance, near, more) in [
        ("vern7", 1e-9, 1e-11, 0),
        ("vern6", 1e-6, 1e-8, 1),
        ("vern8", 1e-10, 1e-9, 1),
        ("vern9", 1e-11, 1e-10, 1),
    ] {
        let method = tableau(id).expect("built in");
        let program =
            TrajectoryProgram::of_model(&model, &[0, 1, 2, 3], method, Dialect::CudaDouble);
        let program = program.expect("it has a form");
        let settings = Settings::with_tolerances(tolerance, tolerance);
        for (t0, t1) in [(0.0, 10.0), (3.0, 1.0)] {
            let saves = Lotka::saves(t0, t1, 101);
            let problem = Trajectories { t0, t1, ..lotka.problem() };
            let (want, steps) = one_by_one(&model, &problem, method, &settings, &saves);
            let (got, all) = solved(&program, Dialect::CudaDouble, &problem, &settings, &saves);
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                let far = (got - want).abs() / want.abs();
                assert!(far <= near, "{id}, {i}: {got} instead of {want}");
            }
            for (got, want) in all.iter().zip(steps) {
                let got = got.as_ref().expect("it is solved").accepted;
                assert!(got.abs_diff(want) <= more, "{id}: {got} steps instead of {want}");
            }
        }
    }
}

/// The text in single precision against that in WGSL, which runs on the device: the same algorithm
/// with other elementary functions.
#[test]
fn in_single_precision_it_is_as_near_as_wgsl() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(200);
    let method = tableau("tsit5").expect("built in");
    let program = TrajectoryProgram::of_model(&model, &[0, 1, 2, 3], method, Dialect::CudaSingle);
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let saves = Lotka::saves(0.0, 10.0, 11);
    let problem = lotka.problem();
    let strict = Settings::with_tolerances(1e-11, 1e-11);
    let (want, _) = on_processor(&model, &problem, method, &strict, &saves);
    let program = program.expect("it has a form");
    let (got, all) = solved(&program, Dialect::CudaSingle, &problem, &settings, &saves);
    assert!(all.iter().all(Result::is_ok));
    for (got, want) in got.iter().zip(&want) {
        assert!((got - want).abs() <= 5e-4 * want.abs(), "{got} instead of {want}");
    }
}

#[test]
fn the_text_is_what_a_compiler_of_cuda_expects() {
    let model = lowered(LOTKA);
    let method = tableau("tsit5").expect("built in");
    for (dialect, real) in [(Dialect::CudaSingle, "float"), (Dialect::CudaDouble, "double")] {
        let program = TrajectoryProgram::of_model(&model, &[0], method, dialect).expect("a form");
        let text = &program.text;
        assert!(text.contains(&format!("typedef {real} real;")), "{text}");
        assert!(text.contains("extern \"C\" __global__ void run("), "{text}");
        assert!(text.contains("blockIdx.x * blockDim.x + threadIdx.x"), "{text}");
        // Nothing of WGSL is left, and nothing is included: the compiler at run time has no headers.
        for foreign in ["let ", "fn ", "var ", "#include", "alias", "@", "bitcast", "->"] {
            assert!(!text.contains(foreign), "`{foreign}` in\n{text}");
        }
    }
}
