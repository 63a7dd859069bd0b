//! Gradients of the very steps of implicit methods: against differences of the same steps, against
//! each other, and between levels of memory.
use crate::common;

use common::{gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{
    BdfAdjoint, BdfSensitivity, Case, GradientMethod, ImplicitAdjoint, ImplicitSensitivity, Loss,
    Replay, Through, check, method_info,
};
use slopefield_kernel::{
    Break, Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};
use slopefield_problems::{
    Problem, forced_relaxation, hires, lotka_volterra, robertson, robertson_dae,
    transistor_amplifier, van_der_pol,
};
use slopefield_solve::{
    Attempt, ErrorNorm, FrozenSteps, Ivp, OneStep, Settings, SolveError, Stats, Step, StepTimes,
    Stepper, drive, method, one_step,
};

const METHODS: [&str; 7] =
    ["rosenbrock23", "rodas4p", "rodas5p", "trbdf2", "kencarp4", "kvaerno5", "radau"];

/// These, and backward differentiation, whose gradients have a derivation of their own.
fn with_bdf() -> impl Iterator<Item = &'static str> {
    METHODS.into_iter().chain(["bdf"])
}

fn exact_methods(name: &str) -> [Box<dyn GradientMethod>; 2] {
    if name == "bdf" {
        return [Box::new(BdfAdjoint::new()), Box::new(BdfSensitivity::new())];
    }
    [
        Box::new(ImplicitAdjoint::named(name).expect("an implicit method")),
        Box::new(ImplicitSensitivity::named(name).expect("an implicit method")),
    ]
}

/// Squares of states in units of their size at the saves, so that small ones count.
fn weighed(scales: &[f64]) -> impl FnMut(&[f64], &mut [f64]) -> f64 {
    let scales = scales.to_vec();
    move |states, by_state| {
        let mut sum = 0.0;
        for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
            let scale = scales[i % scales.len()];
            let off = x / scale - (0.7 * i as f64).sin();
            *w = 2.0 * off / scale;
            sum += off * off;
        }
        sum
    }
}

/// Both exact methods agree with differences of the same steps to `tolerance`.
#[track_caller]
fn check_exact(name: &str, problem: &str, case: &Case<'_>, loss: &mut Loss<'_>, tolerance: f64) {
    for mut method in exact_methods(name) {
        let report = check(&mut *method, case, Replay::Steps(name), loss, 3, 7)
            .unwrap_or_else(|e| panic!("{} through {name} on {problem}: {e:?}", method.name()));
        assert_eq!(report.directions.len(), 3);
        assert!(
            report.worst() < tolerance,
            "{} through {name} on {problem}: {report:#?}",
            report.method
        );
    }
}

/// The problem from its solution at `t0` on, where no state is 0: perturbations are relative to the
/// values, and stiff equations bear no others.
fn from(mut problem: Problem, t0: f64) -> Problem {
    let mut stepper = method("rodas5p").expect("built in");
    let ivp = Ivp { t1: t0, ..ivp(&problem) };
    let mut u0 = vec![0.0; problem.u0.len()];
    let settings = Settings::with_tolerances(1e-8, 1e-12);
    drive(&mut *stepper, &ivp, &settings, &[t0], &mut u0, None).unwrap();
    (problem.t0, problem.u0) = (t0, u0);
    problem
}

fn until(problem: &Problem, t1: f64) -> Ivp<'_> {
    Ivp { t1, ..ivp(problem) }
}

#[test]
fn gradients_agree_with_differences_of_the_same_steps() {
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    for (problem, t1) in [
        (lotka_volterra(), 6.0),
        (from(van_der_pol(), 0.01), 0.6),
        (from(hires(), 1.0), 60.0),
        (from(robertson(), 0.4), 40.0),
    ] {
        let saves = spread(problem.t0, t1, 11);
        let case = Case { ivp: until(&problem, t1), settings: &settings, saves: &saves };
        for name in with_bdf() {
            check_exact(name, problem.id, &case, &mut weighed(&problem.u0), 1e-9);
        }
    }
}

#[test]
fn equations_with_the_time_in_them_are_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    let problem = forced_relaxation();
    let saves = spread(problem.t0, problem.t1, 7);
    let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
    for name in with_bdf() {
        check_exact(name, problem.id, &case, &mut squares, 1e-9);
    }
}

#[test]
fn backward_integration_is_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let problem = lotka_volterra();
    let saves = spread(3.0, -1.0, 9);
    let back = Ivp { t0: 3.0, t1: -1.0, ..ivp(&problem) };
    let case = Case { ivp: back, settings: &settings, saves: &saves };
    for name in with_bdf() {
        check_exact(name, "backward Lotka–Volterra", &case, &mut squares, 1e-9);
    }
}

#[test]
fn algebraic_equations_are_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-5, 1e-8);
    let problem = from(robertson_dae(), 0.4);
    let saves = [0.4, 0.5, 1.0, 1.0, 7.0, 40.0];
    let case = Case { ivp: until(&problem, 40.0), settings: &settings, saves: &saves };
    for name in with_bdf() {
        check_exact(name, problem.id, &case, &mut weighed(&problem.u0), 1e-9);
    }
    // From the start, whose third value is found from the others.
    let inconsistent = Problem { u0: vec![0.98, 3.4e-5, 0.5], ..from(robertson_dae(), 0.4) };
    let case = Case { ivp: until(&inconsistent, 40.0), ..case };
    for name in with_bdf() {
        check_exact(name, "inconsistent values", &case, &mut weighed(&inconsistent.u0), 1e-9);
    }
}

#[test]
fn a_singular_mass_matrix_of_full_rows_is_reversed_exactly() {
    // Voltages behind capacitors between nodes: the algebraic equations are sums of rows.
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let problem = from(transistor_amplifier(), 0.002);
    let saves = spread(problem.t0, 0.006, 6);
    let case = Case { ivp: until(&problem, 0.006), settings: &settings, saves: &saves };
    for name in with_bdf() {
        check_exact(name, problem.id, &case, &mut weighed(&problem.u0), 1e-9);
    }
}

#[test]
fn save_points_may_be_few_repeated_at_the_start_or_in_the_middle() {
    let problem = lotka_volterra();
    let settings = Settings::with_tolerances(1e-3, 1e-4);
    for saves in [vec![4.0], vec![0.0], vec![0.0, 0.0, 4.0, 4.0], vec![2.3, 2.3, 2.301, 2.302]] {
        let case = Case { ivp: until(&problem, 4.0), settings: &settings, saves: &saves };
        for name in with_bdf() {
            check_exact(name, &format!("saves {saves:?}"), &case, &mut squares, 1e-9);
        }
    }
}

#[test]
fn forward_and_discrete_agree_to_rounding_whatever_the_memory() {
    let settings = Settings::with_tolerances(1e-5, 1e-9);
    for problem in [from(hires(), 1.0), from(robertson_dae(), 0.4)] {
        let saves = spread(problem.t0, 50.0, 17);
        let ivp = until(&problem, 50.0);
        let mut loss = weighed(&problem.u0);
        for name in with_bdf() {
            let mut results = Vec::new();
            let [discrete, forward] = exact_methods(name);
            let [small, thrifty]: [Box<dyn GradientMethod>; 2] = match name {
                "bdf" => [
                    Box::new(BdfAdjoint::new().with_memory(1000)),
                    Box::new(BdfSensitivity::new().with_memory(1000)),
                ],
                _ => [
                    Box::new(ImplicitAdjoint::named(name).unwrap().with_memory(1000)),
                    Box::new(ImplicitSensitivity::named(name).unwrap().with_memory(1000)),
                ],
            };
            for mut method in [discrete, forward, small, thrifty] {
                results.push(gradient(&mut *method, &ivp, &settings, &saves, &mut loss).unwrap());
            }
            let (first, by_u0, by_p) = &results[0];
            assert!(results[2].0.memory < first.memory, "{name}: {:?}", results[2].0);
            for (other, u0, p) in &results[1..] {
                let what = format!("{name} on {}: {first:?} {other:?}", problem.id);
                assert!((other.loss - first.loss).abs() < 1e-12 * first.loss, "{what}");
                assert_eq!(other.forward, first.forward, "{what}");
                // In the units of the values, in which all matter.
                let scaled = |g: &[f64], x: &[f64]| -> Vec<f64> {
                    g.iter().zip(x).map(|(g, x)| g * x).collect()
                };
                let (a, b) = (scaled(u0, &problem.u0), scaled(by_u0, &problem.u0));
                assert!(relative_distance(&a, &b) < 1e-9, "{what}: {a:?} {b:?}");
                let (a, b) = (scaled(p, &problem.p), scaled(by_p, &problem.p));
                assert!(relative_distance(&a, &b) < 1e-9, "{what}: {a:?} {b:?}");
            }
        }
    }
}

/// The first step gets longer, the others stay, and so do initial state and save points.
#[test]
fn the_derivative_by_the_start_time_is_that_of_the_first_step() {
    let settings = Settings { h_init: Some(0.05), ..Settings::with_tolerances(1e-3, 1e-4) };
    let small = Settings { h_init: Some(2e-5), ..Settings::with_tolerances(1e-4, 1e-5) };
    for (problem, settings, t1) in [
        (from(forced_relaxation(), 0.1), &settings, 1.0),
        (lotka_volterra(), &settings, 2.0),
        (from(transistor_amplifier(), 0.002), &small, 0.003),
    ] {
        let (ivp, h) = (until(&problem, t1), settings.h_init.unwrap());
        let t0 = ivp.t0;
        let saves = [t0 + 0.3 * h, t0 + 0.7 * h, t0 + h, 0.5 * (t0 + t1), t1];
        for name in METHODS {
            let mut record = StepTimes::default();
            let mut stepper = slopefield_solve::method(name).unwrap();
            drive(&mut *stepper, &ivp, settings, &[], &mut [], Some(&mut record)).unwrap();
            let loss_from = |start: f64| {
                let mut times = record.times.clone();
                times[0] = start;
                let mut frozen = FrozenSteps::of(one_step(name).unwrap(), times);
                let moved = Ivp { t0: start, ..ivp };
                let mut states = vec![0.0; saves.len() * ivp.u0.len()];
                let mut unused = states.clone();
                drive(&mut frozen, &moved, settings, &saves, &mut states, None).unwrap();
                squares(&states, &mut unused)
            };
            let slope = |x: f64| (loss_from(t0 + x) - loss_from(t0 - x)) / (2.0 * x);
            let (coarse, fine) = (slope(2e-3 * h), slope(1e-3 * h));
            let expected = fine + (fine - coarse) / 3.0;
            let found = by_start_time(name, &ivp, settings, &saves);
            for by_start in found {
                assert!(
                    (by_start - expected).abs() < 1e-6 * expected.abs(),
                    "{name} on {}: {by_start} {expected}",
                    problem.id
                );
            }
            let apart = (found[0] - found[1]).abs();
            assert!(apart < 1e-9 * expected.abs(), "{name} on {}: {found:?}", problem.id);
            // Save points at the start are points of the solution from there.
            let at_start = [t0, t0, saves[0], t1];
            let [reverse, forward] = by_start_time(name, &ivp, settings, &at_start);
            let apart = (reverse - forward).abs();
            assert!(apart < 1e-9 * reverse.abs(), "{name} on {}: {reverse} {forward}", problem.id);
        }
    }
}

/// The derivative by the start time from both exact methods.
fn by_start_time(name: &str, ivp: &Ivp<'_>, settings: &Settings, saves: &[f64]) -> [f64; 2] {
    let forward = ImplicitSensitivity::named(name).unwrap().with_start_time();
    let methods: [Box<dyn GradientMethod>; 2] =
        [Box::new(ImplicitAdjoint::named(name).unwrap()), Box::new(forward)];
    methods.map(|mut method| {
        let (found, _, _) = gradient(&mut *method, ivp, settings, saves, &mut squares).unwrap();
        found.by_start_time.unwrap()
    })
}

#[test]
fn a_state_saved_at_the_start_moves_against_the_slope_there() {
    let problem = lotka_volterra();
    let ivp = until(&problem, 1.0);
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let n = ivp.u0.len();
    let (mut slope, mut weights) = (vec![0.0; n], vec![0.0; n]);
    ivp.rhs.eval(ivp.t0, ivp.u0, ivp.p, &mut slope, &mut vec![0.0; ivp.rhs.scratch_len()]);
    squares(ivp.u0, &mut weights);
    let expected: f64 = -weights.iter().zip(&slope).map(|(w, f)| w * f).sum::<f64>();
    assert!(expected.abs() > 0.1, "{expected}");
    for name in METHODS.into_iter().chain(["auto-switch"]) {
        for found in by_start_time(name, &ivp, &settings, &[ivp.t0]) {
            assert!(
                (found - expected).abs() < 1e-13 * expected.abs(),
                "{name}: {found} {expected}"
            );
        }
    }
}

/// A system with a mass matrix that depends on parameters, without a Jacobian of its own.
struct Weighted {
    kernel: slopefield_cpu::CompiledKernel,
    hessian: slopefield_cpu::CompiledHessian,
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Weighted {
    fn new() -> Self {
        let text = "state x = 1\nstate y = 0.5\nstate z = 0.6\nparam a = 2\nparam b = 0.3\n\
                    param c = 0.7\nx' = -c*x*y + sin(t) - z\ny' = x - c*y*z\nz' = z - x*y - b*z^3";
        let (model, _) = slopefield_lang::check(text);
        let library = &slopefield_graph::BuiltinNetworks;
        let lowered = slopefield_graph::lower(&model, library).unwrap();
        let function = slopefield_graph::ModelFunction::Rhs;
        let plan = slopefield_graph::lower_hessian(&model, library, function).unwrap();
        Weighted {
            kernel: slopefield_cpu::compile(&lowered.rhs).unwrap(),
            hessian: slopefield_cpu::compile_hessian(&plan).unwrap(),
            starts: vec![0, 2, 4, 4],
            rows: vec![0, 1, 0, 1],
        }
    }
}

impl Kernel for Weighted {
    fn shape(&self) -> Shape {
        Kernel::shape(&self.kernel)
    }
    fn scratch_len(&self) -> usize {
        Kernel::scratch_len(&self.kernel)
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.kernel.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.kernel.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.kernel.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure { mass: Some(self), hessian: Some(&self.hessian), ..Structure::default() }
    }
}

/// `[a, b, 0; b, 1 + a², 0; 0, 0, 0]`.
impl MatrixKernel for Weighted {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: 3, starts: &self.starts, rows: &self.rows }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, _: &[f64], p: &[f64], values: &mut [f64], _: &mut [f64]) {
        values.copy_from_slice(&[p[0], p[1], p[1], 1.0 + p[0] * p[0]]);
    }
    fn is_constant(&self) -> bool {
        true
    }
    fn parameter_vjp(&self, at: Point<'_>, w: &[f64], grad: &mut [f64], _: &mut [f64]) -> bool {
        grad[0] += w[0] + 2.0 * at.p[0] * w[3];
        grad[1] += w[1] + w[2];
        true
    }
}

#[test]
fn parameters_in_the_mass_matrix_are_differentiated() {
    let system = Weighted::new();
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let saves = [0.0, 0.01, 0.4, 1.3, 2.0];
    // The given z does not satisfy the algebraic equation.
    let (u0, p) = ([1.0, 0.5, 0.6], [2.0, 0.3, 0.7]);
    let ivp = Ivp { rhs: &system, t0: 0.0, t1: 2.0, u0: &u0, p: &p };
    let case = Case { ivp, settings: &settings, saves: &saves };
    for name in with_bdf() {
        check_exact(name, "a mass matrix with parameters", &case, &mut squares, 1e-9);
    }
}

/// Relative derivatives `∂u(4)/∂ln k` of Robertson's reaction by Taylor series of order 24.
#[test]
fn derivatives_of_robertsons_reaction() {
    let expected: [[f64; 3]; 3] = [
        [-0.075_043_286_950_665_9, -0.014_800_310_415_278_65, 0.029_613_771_291_453_75],
        [7.168_722_360_041_11e-6, -8.287_865_883_268_39e-6, -5.830_460_566_234_23e-6],
        [0.075_036_118_228_305_9, 0.014_808_598_281_161_93, -0.029_607_940_830_887_52],
    ];
    let problem = robertson();
    let settings =
        Settings { atol: vec![1e-11, 1e-15, 1e-11], ..Settings::with_tolerances(1e-9, 1.0) };
    for name in ["rodas5p", "kvaerno5", "radau"] {
        for mut method in exact_methods(name) {
            for (state, row) in expected.iter().enumerate() {
                let mut component = |u: &[f64], by_state: &mut [f64]| {
                    by_state[state] = 1.0;
                    u[state]
                };
                let ivp = until(&problem, 4.0);
                let (_, _, by_p) =
                    gradient(&mut *method, &ivp, &settings, &[4.0], &mut component).unwrap();
                for ((found, p), value) in by_p.iter().zip(&problem.p).zip(row) {
                    let off = (found * p - value).abs() / value.abs();
                    assert!(off < 1e-6, "{name}, state {state}: {} {value}", found * p);
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_differentiated_is_refused() {
    let problem = lotka_volterra();
    let stepper = || Err(String::new());
    for id in ["discrete", "forward"] {
        let make = |solver: &str, structure: &Structure<'_>| {
            let through = Through { solver, structure, stepper: &stepper, memory: 1 << 20 };
            (method_info(id).unwrap().make)(&through).map(|method| method.name())
        };
        let whole = problem.rhs.structure();
        let without = Structure { hessian: None, ..problem.rhs.structure() };
        for name in METHODS {
            assert_eq!(make(name, &whole), Ok(id), "{name}");
            let refused = make(name, &without);
            assert_eq!(refused.is_err(), name.starts_with("ro"), "{name}: {refused:?}");
        }
        assert!(make("rodas5p", &without).unwrap_err().contains("second derivatives"));
        // Events are gone through, also by methods without the Jacobian in their steps.
        let events = slopefield_problems::bouncing_ball();
        let without = Structure { hessian: None, ..events.rhs.structure() };
        assert_eq!(make("rodas5p", &events.rhs.structure()), Ok(id));
        assert_eq!(make("radau", &without), Ok(id));
        assert!(make("rodas5p", &without).unwrap_err().contains("second derivatives"));
        let delays = slopefield_problems::delays().remove(0);
        for solver in ["kencarp4", "radau"] {
            assert_eq!(make(solver, &delays.rhs.structure()), Ok(id), "{solver}");
        }
        for solver in ["bdf", "auto-switch"] {
            let why = make(solver, &delays.rhs.structure()).unwrap_err();
            assert!(why.contains("delays") && why.contains("tsit5"), "{why}");
        }
        assert_eq!(make("bdf", &whole), Ok(id));
        for solver in ["vcabm", "bdf-gmres"] {
            let why = make(solver, &whole).unwrap_err();
            assert!(why.contains(solver) && why.contains("gauss"), "{why}");
        }
    }
}

/// Repeats steps of automatic switching, each by the method that took it.
struct Sides {
    methods: [Box<dyn OneStep>; 2],
    kinds: Vec<usize>,
    taken: usize,
    active: usize,
    settings: Settings,
}

impl OneStep for Sides {
    fn error_order(&self) -> u32 {
        self.methods[self.active].error_order()
    }
    fn begin(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t: f64,
        u: &[f64],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        (self.taken, self.active) = (0, self.kinds[0]);
        self.settings = settings.clone();
        self.methods[self.active].begin(ivp, settings, t, u, counts)
    }
    fn first_length(&mut self, _: &Ivp<'_>, _: &ErrorNorm, h: f64, _: &mut Stats) -> f64 {
        h
    }
    fn attempt(
        &mut self,
        ivp: &Ivp<'_>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        let (kind, before) = (self.kinds[self.taken], self.active);
        self.taken += 1;
        self.active = kind;
        if kind != before {
            let state = self.methods[before].end().to_vec();
            self.methods[kind].begin(ivp, &self.settings, span.0, &state, counts).unwrap();
        }
        self.methods[kind].attempt(ivp, span, from_end && kind == before, norm, counts)
    }
    fn beginning(&self) -> &[f64] {
        self.methods[self.active].beginning()
    }
    fn end(&self) -> &[f64] {
        self.methods[self.active].end()
    }
    fn prepare_dense(&mut self, ivp: &Ivp<'_>, counts: &mut Stats) {
        self.methods[self.active].prepare_dense(ivp, counts);
    }
    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        self.methods[self.active].interpolate(t, out)
    }
}

#[test]
fn every_step_of_automatic_switching_is_reversed_by_its_own_method() {
    let problem = van_der_pol();
    // Up to the fast change of the relaxation oscillation, which no other steps meet at its time.
    let (u0, p) = ([2.0, -0.6], problem.p.clone());
    let ivp = Ivp { u0: &u0, p: &p, t1: 0.5, ..ivp(&problem) };
    for (settings, explicit) in [
        (Settings::with_tolerances(1e-5, 1e-6), "tsit5"),
        (Settings::with_tolerances(1e-7, 1e-8), "vern7"),
    ] {
        let (mut times, mut kinds) = (Vec::new(), Vec::new());
        let mut observe = |step: &Step, solution: &mut dyn Stepper| {
            if times.is_empty() {
                times.push(step.t_prev);
            }
            times.push(step.t);
            kinds.push(usize::from(solution.unknowns().is_some()));
            Ok(())
        };
        let mut stepper = method("auto-switch").unwrap();
        drive(&mut *stepper, &ivp, &settings, &[], &mut [], Some(&mut observe)).unwrap();
        let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes >= 1, "{explicit}: {changes} changes in {} steps", kinds.len());
        let replay = |times: &[f64]| {
            let methods = [one_step(explicit).unwrap(), one_step("rodas5p").unwrap()];
            let (kinds, active, taken) = (kinds.clone(), 0, 0);
            let sides = Sides { methods, kinds, taken, active, settings: settings.clone() };
            FrozenSteps::of(Box::new(sides), times.to_vec())
        };
        let mut frozen = replay(&times);
        let saves = spread(ivp.t0, ivp.t1, 23);
        // In the first step, at its end and later, with a start that moves.
        let h = times[1] - times[0];
        let late = [ivp.t0 + 0.4 * h, times[1], 0.2, ivp.t1];
        let loss_from = |start: f64| {
            let mut times = times.clone();
            times[0] = start;
            let moved = Ivp { t0: start, ..ivp };
            let mut states = vec![0.0; late.len() * u0.len()];
            let mut unused = states.clone();
            drive(&mut replay(&times), &moved, &settings, &late, &mut states, None).unwrap();
            squares(&states, &mut unused)
        };
        let slope = |x: f64| (loss_from(ivp.t0 + x) - loss_from(ivp.t0 - x)) / (2.0 * x);
        let (coarse, fine) = (slope(0.04 * h), slope(0.02 * h));
        let expected = fine + (fine - coarse) / 3.0;
        for found in by_start_time("auto-switch", &ivp, &settings, &late) {
            assert!((found - expected).abs() < 1e-6 * expected.abs(), "{found} {expected}");
        }
        for mut gradient_method in exact_methods("auto-switch") {
            let case = Case { ivp, settings: &settings, saves: &saves };
            let replay = Replay::Given(&mut frozen);
            let report = check(&mut *gradient_method, &case, replay, &mut squares, 3, 7).unwrap();
            assert!(report.worst() < 1e-9, "{explicit}: {report:#?}");
        }
    }
}

/// Steps of both sides are taken again from checkpoints, each by the side that took it.
#[test]
fn automatic_switching_keeps_the_memory_allowed() {
    let problem = van_der_pol();
    let ivp = Ivp { u0: &[2.0, -0.6], p: &problem.p, t1: 0.5, ..ivp(&problem) };
    let saves = spread(ivp.t0, ivp.t1, 23);
    for settings in [Settings::with_tolerances(1e-5, 1e-6), Settings::with_tolerances(1e-7, 1e-8)] {
        let run = |method: &mut dyn GradientMethod| {
            gradient(method, &ivp, &settings, &saves, &mut squares).unwrap()
        };
        let (whole, by_u0, by_p) = run(&mut ImplicitAdjoint::named("auto-switch").unwrap());
        for share in [2, 4, 6] {
            let budget = whole.memory / share;
            let methods: [Box<dyn GradientMethod>; 2] = [
                Box::new(ImplicitAdjoint::named("auto-switch").unwrap().with_memory(budget)),
                Box::new(ImplicitSensitivity::named("auto-switch").unwrap().with_memory(budget)),
            ];
            for mut method in methods {
                let (found, u0, p) = run(&mut *method);
                // Tangents come on top, and agree with the adjoint up to how rounding errors add up.
                let forward = method.name() == "forward";
                let (most, same) = if forward { (budget + 4_000, 1e-10) } else { (budget, 1e-12) };
                assert!(found.memory <= most, "{found:?} {whole:?}");
                assert!(found.reverse_products > 0 && found.loss == whole.loss, "{found:?}");
                let off = relative_distance(&u0, &by_u0).max(relative_distance(&p, &by_p));
                assert!(off < same, "{} in {budget}: {off:e}", method.name());
            }
        }
    }
}

/// `u' = −a u² + b s(t) + c max(t − 2, 0)`, where `s` jumps from 0 to 1 at 1.
struct Driven;

impl Kernel for Driven {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 3, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        let s = if t >= 1.0 { 1.0 } else { 0.0 };
        out[0] = -p[0] * u[0] * u[0] + p[1] * s + p[2] * (t - 2.0).max(0.0);
    }
    fn jvp(&self, at: Point<'_>, d: Tangent<'_>, out: &mut [f64], dout: &mut [f64], _: &mut [f64]) {
        self.eval(at.t, at.u, at.p, out, &mut []);
        let mut by = ([0.0], [0.0; 3], 0.0);
        let grad = Cotangent { t: &mut by.2, u: &mut by.0, p: &mut by.1 };
        self.vjp(at, &[1.0], grad, &mut []);
        let along: f64 = by.1.iter().zip(d.p).map(|(a, b)| a * b).sum();
        dout[0] = by.0[0] * d.u[0] + along + by.2 * d.t;
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        let (u, s) = (at.u[0], if at.t >= 1.0 { 1.0 } else { 0.0 });
        grad.u[0] -= 2.0 * w[0] * at.p[0] * u;
        grad.p[0] -= w[0] * u * u;
        grad.p[1] += w[0] * s;
        grad.p[2] += w[0] * (at.t - 2.0).max(0.0);
        *grad.t += if at.t > 2.0 { w[0] * at.p[2] } else { 0.0 };
    }
    fn structure(&self) -> Structure<'_> {
        const BREAKS: &[Break] = &[Break { t: 1.0, jump: true }, Break { t: 2.0, jump: false }];
        Structure { breaks: BREAKS, ..Structure::default() }
    }
}

#[test]
fn inputs_that_jump_and_bend_are_gone_through() {
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let saves = [0.0, 0.4, 1.0, 1.5, 2.0, 2.7, 4.0];
    let ivp = Ivp { rhs: &Driven, t0: 0.0, t1: 4.0, u0: &[1.5], p: &[0.8, 2.0, 0.7] };
    for name in ["trbdf2", "kencarp4", "radau", "bdf"] {
        let case = Case { ivp, settings: &settings, saves: &saves };
        check_exact(name, "an input that jumps", &case, &mut squares, 1e-9);
    }
    let back = Ivp { t0: 4.0, t1: 0.5, p: &[0.05, 0.5, 0.2], ..ivp };
    let saves = [3.7, 2.0, 1.4, 1.0, 0.5];
    let case = Case { ivp: back, settings: &settings, saves: &saves };
    check_exact("bdf", "the same backward", &case, &mut squares, 1e-9);
}
