//! Steps taken whole, as one piece of native code, against the same steps taken one evaluation at
//! a time: every number must have the same bits.

use crate::common;

use common::{HEUN, spread, squares};
use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_cpu::{CompiledKernel, Isa, Options, compile_with};
use slopefield_graph::BuiltinNetworks;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_solve::runge_kutta::{BS3, DP5, TSIT5, VERN6, VERN7, VERN8, VERN9};
use slopefield_solve::{
    ExplicitRungeKutta, FrozenSteps, Ivp, Settings, SolveError, Stats, Step, StepTimes, Stepper,
    Tableau, drive,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A model with a start away from its defaults, and a span.
struct Case {
    name: &'static str,
    text: &'static str,
    t0: f64,
    t1: f64,
}

const CASES: [Case; 8] = [
    Case {
        name: "predator and prey",
        text: "state x = 1\nstate y = 1\nparam a = 1.5\nparam b = 1\nparam c = 3\nparam d = 1\n\
               x' = a*x - b*x*y\ny' = d*x*y - c*y",
        t0: 0.0,
        t1: 10.0,
    },
    Case {
        name: "backward in time",
        text: "state x = 1\nstate y = 1\nparam a = 1.5\nx' = a*x - x*y\ny' = x*y - 3*y",
        t0: 2.0,
        t1: -1.0,
    },
    Case {
        name: "one state, forced",
        text: "state x = 1\nparam k = 2\nparam w = 3\nx' = -k*(x - sin(w*t)*t^2)",
        t0: 0.0,
        t1: 4.0,
    },
    Case {
        name: "gathered functions",
        text: "state x = 0.5\nstate y = 0.25\nstate z = 0.75\nparam a = 0.3\nparam b = 1.7\n\
               x' = exp(-a*x) - exp(-y) + exp(-z) - tanh(x*y)\n\
               y' = tanh(z - x) + tanh(b*y) - (1 + y^2)^1.3 + (1 + x^2)^0.3 - exp(-x*z)*y\n\
               z' = ln(1 + x^2) - (1 + z^2)^(0.1*b) + sqrt(1 + y^2)*cos(t)",
        t0: 0.0,
        t1: 6.0,
    },
    Case {
        name: "branches, minima and comparisons",
        text: "state x = 1\nstate y = -1\nparam a = 0.7\n\
               x' = if x > y then a - y else min(x, y)\n\
               y' = max(x, 0.5)*a - abs(y) + (if t > 1 and x < 2 then floor(3*y)/3 else 0)",
        t0: 0.0,
        t1: 3.0,
    },
    Case {
        name: "constant and copied slopes",
        text: "state x = 1\nstate y = 2\nstate z = 0\nx' = y\ny' = 0*x\nz' = 1.5",
        t0: 0.0,
        t1: 2.0,
    },
    Case {
        name: "more parameters than registers",
        text: "state x = 0.1\nstate y = 0.2\n\
               param a = 0.1\nparam b = 0.2\nparam c = 0.3\nparam d = 0.4\nparam e = 0.5\n\
               param f = 0.6\nparam g = 0.7\nparam h = 0.8\nparam i = 0.9\nparam j = 1.1\n\
               x' = a + b*x + c*y + d*x*y - e*x^3\ny' = f - g*x - h*y - i*x*y + j*sin(t)*y",
        t0: 0.0,
        t1: 5.0,
    },
    Case {
        name: "sixteen states",
        text: concat!(
            "param k = 0.3\n",
            "state a=1\nstate b=2\nstate c=3\nstate d=4\nstate e=5\nstate f=6\nstate g=7\n",
            "state h=8\nstate i=9\nstate j=8\nstate l=7\nstate m=6\nstate n=5\nstate o=4\n",
            "state q=3\nstate r=2\n",
            "a'=k*(r-2*a+b)\nb'=k*(a-2*b+c)\nc'=k*(b-2*c+d)\nd'=k*(c-2*d+e)\ne'=k*(d-2*e+f)\n",
            "f'=k*(e-2*f+g)\ng'=k*(f-2*g+h)\nh'=k*(g-2*h+i)\ni'=k*(h-2*i+j)\nj'=k*(i-2*j+l)\n",
            "l'=k*(j-2*l+m)\nm'=k*(l-2*m+n)\nn'=k*(m-2*n+o)\no'=k*(n-2*o+q)\nq'=k*(o-2*q+r)\n",
            "r'=k*(q-2*r+a)"
        ),
        t0: 0.0,
        t1: 5.0,
    },
];

/// Methods whose steps are also reversed whole.
const TABLES: [&Tableau; 3] = [&TSIT5, &DP5, &BS3];

/// Methods whose steps are taken whole: with and without a last stage that is the result, with stages
/// that only the interpolant needs, with short and long rows.
const ALL_TABLES: [&Tableau; 8] = [&TSIT5, &DP5, &BS3, &HEUN, &VERN6, &VERN7, &VERN8, &VERN9];

/// A compiled model with its start.
struct Model {
    kernel: CompiledKernel,
    u0: Vec<f64>,
    p: Vec<f64>,
}

#[track_caller]
fn compiled(text: &str, options: Options) -> Model {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{text}: {diagnostics:?}");
    let lowered = slopefield_graph::lower(&model, &BuiltinNetworks).unwrap();
    let p = lowered.layout.initial_values(&model, &lowered.networks, 1);
    let initial = compile_with(&lowered.initial, options).unwrap();
    let mut u0 = vec![0.0; initial.shape().outputs];
    initial.eval(0.0, &[], &p, &mut u0, &mut vec![0.0; initial.scratch_len()]);
    Model { kernel: compile_with(&lowered.rhs, options).unwrap(), u0, p }
}

fn model(case: &Case) -> Model {
    compiled(case.text, Options::default())
}

impl Model {
    fn ivp<'a>(&'a self, rhs: &'a dyn Kernel, case: &Case) -> Ivp<'a> {
        Ivp { rhs, t0: case.t0, t1: case.t1, u0: &self.u0, p: &self.p }
    }

    /// Makes the code for whole steps of `table` now.
    fn prepare_steps(&self, table: &Tableau) -> bool {
        self.kernel.explicit_step(&table.step_table(), u64::MAX).is_some()
    }

    /// Makes the code for whole steps of `table` and for their reverse now.
    fn prepare(&self, table: &Tableau) -> bool {
        let steps = table.step_table();
        self.prepare_steps(table) && self.kernel.explicit_step_reverse(&steps, u64::MAX).is_some()
    }
}

/// A kernel without code for whole steps.
struct Plain<'a>(&'a dyn Kernel);

impl Kernel for Plain<'_> {
    fn shape(&self) -> Shape {
        self.0.shape()
    }
    fn scratch_len(&self) -> usize {
        self.0.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.0.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.0.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.0.vjp(at, w, grad, scratch);
    }
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    let canonical = |x: &f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
    numbers.iter().map(canonical).collect()
}

/// Everything a solve shows: its result, its saved states, and times, states, slopes and counters
/// of every step.
fn record(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
) -> (Result<Stats, SolveError>, Vec<u64>, Vec<u64>) {
    let mut out = vec![0.0; saves.len() * ivp.u0.len()];
    let mut trace = Vec::new();
    let mut watch = |step: &Step, solution: &mut dyn Stepper| {
        trace.extend(bits(&[step.t_prev, step.t, step.rejected as f64]));
        let stats = solution.stats();
        trace.extend([stats.accepted, stats.rejected, stats.rhs]);
        let stages = solution.stages().expect("a Runge–Kutta method shows its stages");
        trace.extend(bits(stages.states_and_end()));
        for stage in 0..stages.tableau().stages() {
            trace.extend(bits(stages.slope(stage)));
        }
        Ok(())
    };
    let result = drive(stepper, ivp, settings, saves, &mut out, Some(&mut watch));
    (result, bits(&out), trace)
}

/// Saves that repeat, meet steps rarely and crowd some of them.
fn saves(case: &Case) -> Vec<f64> {
    let mut saves = spread(case.t0, case.t1, 60);
    let middle = saves[20];
    saves.splice(20..20, [middle, middle]);
    saves
}

#[test]
fn solves_have_the_same_bits() {
    for case in &CASES {
        let model = model(case);
        for table in ALL_TABLES {
            // Steps of sixteen stages and states are too long.
            let too_long = case.name == "sixteen states" && table.stages() > 11;
            assert_eq!(model.prepare_steps(table), !too_long, "{} with {}", case.name, table.id);
            for tolerance in [1e-2, 1e-5, 1e-9] {
                let mut settings = Settings::with_tolerances(tolerance, 0.3 * tolerance);
                if model.u0.len() == 3 {
                    settings.atol = vec![tolerance, 1e-3 * tolerance, 0.0];
                }
                let saves = saves(case);
                let run = |rhs: &dyn Kernel| {
                    let ivp = model.ivp(rhs, case);
                    record(&mut ExplicitRungeKutta::new(table), &ivp, &settings, &saves)
                };
                let (whole, plain) = (run(&model.kernel), run(&Plain(&model.kernel)));
                assert!(plain.0.is_ok(), "{}: {:?}", case.name, plain.0);
                assert!(plain.2.len() > 3, "{}", case.name);
                assert_eq!(whole, plain, "{} with {} at {tolerance}", case.name, table.id);
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_its_own_bits_either_way() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for gather in [true, false] {
            let case = &CASES[3];
            let model = compiled(case.text, Options { isa, gather, ..Options::default() });
            assert!(model.prepare(&TSIT5));
            let settings = Settings::with_tolerances(1e-7, 1e-7);
            let run = |rhs: &dyn Kernel| {
                let ivp = model.ivp(rhs, case);
                record(&mut ExplicitRungeKutta::new(&TSIT5), &ivp, &settings, &[])
            };
            assert_eq!(run(&model.kernel), run(&Plain(&model.kernel)), "{isa:?}, {gather}");
        }
    }
}

#[test]
fn gradients_have_the_same_bits() {
    for case in &CASES {
        let model = model(case);
        for table in TABLES {
            assert!(model.prepare(table), "{} with {}", case.name, table.id);
            for memory in [u64::MAX, 1000] {
                let settings = Settings::with_tolerances(1e-6, 1e-6);
                // The last save before the end leaves steps that nothing depends on.
                let mut saves = saves(case);
                saves.truncate(50);
                let run = |rhs: &dyn Kernel| {
                    let mut method = DiscreteAdjoint::new(table).with_memory(memory);
                    let (mut by_u0, mut by_p) =
                        (vec![0.0; model.u0.len()], vec![0.0; model.p.len()]);
                    let found = method.evaluate(
                        &model.ivp(rhs, case),
                        &settings,
                        &saves,
                        &mut squares,
                        &mut by_u0,
                        &mut by_p,
                    );
                    (found, bits(&by_u0), bits(&by_p))
                };
                let (whole, plain) = (run(&model.kernel), run(&Plain(&model.kernel)));
                assert!(plain.0.is_ok(), "{}: {:?}", case.name, plain.0);
                assert_eq!(whole, plain, "{} with {}", case.name, table.id);
            }
        }
    }
}

#[test]
fn a_replay_of_recorded_steps_has_the_same_bits() {
    for case in &CASES {
        let model = model(case);
        assert!(model.prepare(&TSIT5));
        let (settings, saves) = (Settings::with_tolerances(1e-5, 1e-6), saves(case));
        let ivp = model.ivp(&model.kernel, case);
        let mut adaptive = vec![0.0; saves.len() * model.u0.len()];
        let mut replayed = adaptive.clone();
        let mut times = StepTimes::default();
        let mut stepper = ExplicitRungeKutta::new(&TSIT5);
        drive(&mut stepper, &ivp, &settings, &saves, &mut adaptive, Some(&mut times)).unwrap();
        let mut frozen = FrozenSteps::new(&TSIT5, times.times);
        drive(&mut frozen, &ivp, &settings, &saves, &mut replayed, None).unwrap();
        assert_eq!(bits(&adaptive), bits(&replayed), "{}", case.name);
    }
}

#[test]
fn solves_that_fail_say_the_same() {
    let leaves_the_domain = Case {
        name: "logarithm of what becomes negative",
        text: "state x = 1\nstate y = 2\nparam a = 1\nx' = -a\ny' = ln(x)*y",
        t0: 0.0,
        t1: 3.0,
    };
    let blows_up = Case { name: "blow-up", text: "state x = 1\nx' = x^2", t0: 0.0, t1: 2.0 };
    let overflows = Case {
        name: "overflow within a step",
        text: "state x = 1\nstate y = 1\nx' = exp(exp(3*t))*y\ny' = 1e300*x",
        t0: 0.0,
        t1: 5.0,
    };
    for case in [&leaves_the_domain, &blows_up, &overflows, &CASES[0]] {
        let model = model(case);
        // A method of order 2 would take too long to the last case's tolerance.
        for table in ALL_TABLES.into_iter().filter(|table| table.order > 2) {
            assert!(model.prepare_steps(table));
            let settings = Settings { max_steps: 40, ..Settings::with_tolerances(1e-9, 1e-9) };
            let patient = Settings { max_steps: 100_000, ..settings.clone() };
            for settings in [settings, patient] {
                let run = |rhs: &dyn Kernel| {
                    let ivp = model.ivp(rhs, case);
                    record(&mut ExplicitRungeKutta::new(table), &ivp, &settings, &[case.t1])
                };
                let (whole, plain) = (run(&model.kernel), run(&Plain(&model.kernel)));
                let expected = std::ptr::eq(case, &CASES[0]) && settings.max_steps > 40;
                assert_eq!(plain.0.is_ok(), expected, "{}: {:?}", case.name, plain.0);
                // Error values compare NaN with NaN; their words do not.
                assert_eq!(format!("{whole:?}"), format!("{plain:?}"), "{}", case.name);
            }
        }
    }
}

#[test]
fn a_cancelled_solve_stops_at_the_same_step() {
    let case = &CASES[0];
    let model = model(case);
    assert!(model.prepare(&TSIT5));
    let flag = Arc::new(AtomicBool::new(false));
    let settings = Settings { cancel: Some(flag.clone()), ..Settings::default() };
    let run = |rhs: &dyn Kernel| {
        flag.store(false, Ordering::Relaxed);
        let mut reached = 0.0;
        let mut watch = |step: &Step, _: &mut dyn Stepper| {
            reached = step.t;
            flag.store(step.t > 5.0, Ordering::Relaxed);
            Ok(())
        };
        let (ivp, mut stepper) = (model.ivp(rhs, case), ExplicitRungeKutta::new(&TSIT5));
        let found = drive(&mut stepper, &ivp, &settings, &[], &mut [], Some(&mut watch));
        assert_eq!(found, Err(SolveError::Cancelled { t: reached }));
        (reached, stepper.state().to_vec())
    };
    let whole = run(&model.kernel);
    assert!(whole.0 > 5.0 && whole.0 < 6.0);
    assert_eq!(whole, run(&Plain(&model.kernel)));
}

#[test]
fn a_kernel_changes_over_when_it_has_taken_enough_steps() {
    let case = &CASES[0];
    let model = model(case);
    let steps = TSIT5.step_table();
    let is_made = || model.kernel.explicit_step(&steps, 0).is_some();
    let ivp = model.ivp(&model.kernel, case);
    let settings = Settings::default();
    let mut stepper = ExplicitRungeKutta::new(&TSIT5);
    record(&mut stepper, &ivp, &settings, &[]).0.unwrap();
    record(&mut stepper, &ivp, &settings, &[]).0.unwrap();
    assert!(!is_made(), "two short solves do not pay for code");
    // One long solve changes over on its way, and one does not; both have the same bits.
    let long = Settings { h_max: 2e-4, ..Settings::default() };
    let saves = spread(case.t0, case.t1, 7);
    let changing = record(&mut stepper, &ivp, &long, &saves);
    assert!(is_made(), "50 000 steps pay for code");
    let plain = Plain(&model.kernel);
    let plain =
        record(&mut ExplicitRungeKutta::new(&TSIT5), &model.ivp(&plain, case), &long, &saves);
    assert_eq!(changing.0, plain.0);
    assert_eq!(changing.1, plain.1);
    assert!(changing.2 == plain.2, "some step has other bits");
}

#[test]
fn one_stepper_serves_kernels_with_and_without_code() {
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let models: Vec<Model> = CASES.iter().map(model).collect();
    for model in &models {
        assert!(model.prepare(&TSIT5));
    }
    let mut shared = ExplicitRungeKutta::new(&TSIT5);
    for _ in 0..2 {
        for (case, model) in CASES.iter().zip(&models) {
            let (ivp, plain) = (model.ivp(&model.kernel, case), Plain(&model.kernel));
            let (whole, saves) = (record(&mut shared, &ivp, &settings, &[]), saves(case));
            let alone = record(&mut shared, &model.ivp(&plain, case), &settings, &[]);
            assert_eq!(whole, alone, "{}", case.name);
            record(&mut shared, &ivp, &settings, &saves).0.unwrap();
        }
    }
}

#[test]
fn several_threads_may_ask_and_step_at_once() {
    let case = &CASES[3];
    let model = model(case);
    let settings = Settings { h_max: 1e-2, ..Settings::with_tolerances(1e-6, 1e-6) };
    let solve = || {
        let ivp = model.ivp(&model.kernel, case);
        let mut stepper = ExplicitRungeKutta::new(&TSIT5);
        let all: Vec<_> =
            (0..30).map(|_| record(&mut stepper, &ivp, &settings, &[case.t1]).1).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        all[0].clone()
    };
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(solve)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(model.kernel.explicit_step(&TSIT5.step_table(), 0).is_some());
}

#[test]
fn systems_and_methods_that_do_not_suit_are_solved_one_evaluation_at_a_time() {
    // Steps whose end or interpolant is not of their stages are not reversed whole.
    let model = model(&CASES[0]);
    for table in [&HEUN, &VERN6, &VERN7] {
        let steps = table.step_table();
        assert!(model.kernel.explicit_step_reverse(&steps, u64::MAX).is_none(), "{}", table.id);
    }
    let network = "state x = 2\nstate y = 0\n\
                   network f: mlp(inputs: 2, outputs: 2, hidden: [50], activation: tanh)\n\
                   let v = f(x, y)\nx' = v[1]\ny' = v[2]";
    let mut large = String::new();
    for i in 0..17 {
        large += &format!("state x{i} = {i}\nx{i}' = -x{i}*x{}\n", (i + 1) % 17);
    }
    for text in [network, &large] {
        let model = compiled(text, Options::default());
        let steps = TSIT5.step_table();
        assert!(model.kernel.explicit_step(&steps, u64::MAX).is_none(), "{text}");
        assert!(model.kernel.explicit_step_reverse(&steps, u64::MAX).is_none(), "{text}");
    }
}

#[test]
#[should_panic(expected = "`atol` has 1 elements instead of 2")]
fn arrays_of_another_length_are_refused() {
    let model = model(&CASES[0]);
    let step = model.kernel.explicit_step(&TSIT5.step_table(), u64::MAX).unwrap();
    step.attempt(slopefield_kernel::StepAttempt {
        t: 0.0,
        t_new: 0.1,
        from_end: false,
        p: &model.p,
        rtol: 1e-6,
        atol: &[1e-6],
        states: &mut [0.0; 14],
        slopes: &mut [0.0; 14],
        scratch: &mut [],
    });
}
