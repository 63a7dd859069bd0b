//! Measured orders of diagonally implicit and Radau methods, of their interpolants, and what is
//! left of them on stiff problems.
use crate::common;
use crate::fixed;

use common::{distance, ivp};
use fixed::{equal_steps, slope};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Split, Structure, Tangent};
use slopefield_problems::{
    Equations, Function, Number, System, forced_relaxation, lorenz, rigid_body,
};
use slopefield_solve::radau::Radau;
use slopefield_solve::sdirk::{DiagonallyImplicit, KENCARP4, KENCARP4_IMEX, KVAERNO5, TRBDF2};
use slopefield_solve::{Ivp, OneStep, method_info};

/// A method, its id, and how many times as many steps as usual show its order.
type Case = (&'static str, fn() -> Box<dyn OneStep>, usize);

fn cases() -> Vec<Case> {
    vec![
        ("trbdf2", || Box::new(DiagonallyImplicit::new(&TRBDF2)), 4),
        ("kencarp4", || Box::new(DiagonallyImplicit::new(&KENCARP4)), 1),
        ("kvaerno5", || Box::new(DiagonallyImplicit::new(&KVAERNO5)), 1),
        ("radau", || Box::new(Radau::new()), 1),
    ]
}

fn order_on(make: fn() -> Box<dyn OneStep>, ivp: &Ivp<'_>, exact: &[f64], steps: &[usize]) -> f64 {
    let error = |n: &usize| {
        let mut method = make();
        equal_steps(&mut *method, ivp, *n);
        (1.0 / *n as f64, distance(method.end(), exact))
    };
    let errors: Vec<(f64, f64)> = steps.iter().map(error).collect();
    slope(&errors)
}

#[test]
fn methods_converge_with_their_orders() {
    for (id, make, refinement) in cases() {
        let claim = f64::from(method_info(id).unwrap().order);
        for (problem, coarsest) in [(rigid_body(), 160), (lorenz(), 240)] {
            let reference = &problem.references[0];
            let ivp = Ivp { t1: reference.t, ..ivp(&problem) };
            let steps = [4, 5, 6, 8, 10].map(|quarter| refinement * coarsest * quarter / 4);
            let order = order_on(make, &ivp, &reference.u, &steps);
            assert!((order - claim).abs() < 0.2, "{id} on {}: {order}", problem.id);
        }
        // The error of order 5 is too small to be the leading one on this linear equation; that
        // explicit time is right is shown on algebraic equations.
        if claim > 4.0 {
            continue;
        }
        let forced = forced_relaxation();
        let mut exact = [0.0];
        (forced.exact.unwrap())(3.0, forced.t0, &forced.u0, &forced.p, &mut exact);
        let ivp = Ivp { t1: 3.0, ..ivp(&forced) };
        let steps = [20, 25, 30, 40, 50].map(|n| n * refinement);
        let order = order_on(make, &ivp, &exact, &steps);
        assert!((order - claim).abs() < 0.2, "{id} on {}: {order}", forced.id);
    }
}

/// An interpolant of order q has an error of size h^(q+1) within one step from exact data.
#[test]
fn interpolants_have_their_orders() {
    let problem = forced_relaxation();
    let exact = problem.exact.unwrap();
    for (id, make, refinement) in cases() {
        let mut errors = Vec::new();
        // Radau's stages are accurate to their order only where steps are not stiff any more.
        let refinement = if id == "radau" { 8.0 } else { refinement as f64 };
        for length in [0.16, 0.12, 0.08, 0.06, 0.04] {
            let h = length / refinement;
            let ivp = Ivp { t1: problem.t0 + h, ..ivp(&problem) };
            let mut method = make();
            equal_steps(&mut *method, &ivp, 1);
            let mut worst = 0.0_f64;
            for i in 1..8 {
                let t = problem.t0 + h * f64::from(i) / 8.0;
                let (mut u, mut truth) = ([0.0], [0.0]);
                method.interpolate(t, &mut u).unwrap();
                exact(t, problem.t0, &problem.u0, &problem.p, &mut truth);
                worst = worst.max((u[0] - truth[0]).abs());
            }
            errors.push((h, worst));
        }
        let order = slope(&errors);
        let claim = f64::from(method_info(id).unwrap().dense_order + 1);
        assert!((order - claim).abs() < 0.2, "{id}: {order} {errors:?}");
    }
}

/// `u' = λ (u − φ(t)) + φ'(t)` with `φ = sin` (Prothero, Robinson, Math. Comp. 28 (1974) 145).
struct ProtheroRobinson;

impl Function for ProtheroRobinson {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 1, outputs: 1 }
    }
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        out(0, p(0) * (u(0) - t.sin()) + t.cos());
    }
}

impl Equations for ProtheroRobinson {}

#[test]
fn stiff_accuracy_leaves_the_stage_order() {
    // Stiffly accurate methods of stage order q have errors of O(h^q/λ): Hairer, Wanner, section
    // IV.15.
    let system = System::new(ProtheroRobinson);
    for (id, make, _) in cases() {
        let stage_order = if id == "radau" { 3.0 } else { 2.0 };
        let (u0, p) = ([0.0], [-1e6]);
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 2.0, u0: &u0, p: &p };
        let order = order_on(make, &ivp, &[2.0_f64.sin()], &[10, 14, 20, 28, 40]);
        assert!((order - stage_order).abs() < 0.35, "{id}: {order}");
        // At an accuracy that a method without damping of stiff components never has.
        let mut method = make();
        equal_steps(&mut *method, &ivp, 20);
        assert!(distance(method.end(), &[2.0_f64.sin()]) < 1e-8, "{id}");
    }
}

/// Van der Pol's equation with `μ = 5`: the relaxation is stiff, the oscillation the rest.
struct Whole;
struct Relaxation;
struct Oscillation;

macro_rules! parts {
    ($($name:ident: |$x:ident, $v:ident| ($a:expr, $b:expr);)*) => {$(
        impl Function for $name {
            fn shape(&self) -> Shape {
                Shape { states: 2, params: 0, outputs: 2 }
            }
            fn eval<N: Number>(
                &self,
                _: N,
                u: impl Fn(usize) -> N,
                _: impl Fn(usize) -> N,
                mut out: impl FnMut(usize, N),
            ) {
                let ($x, $v) = (u(0), u(1));
                out(0, $a);
                out(1, $b);
            }
        }
        impl Equations for $name {}
    )*};
}

parts! {
    Whole: |x, v| (v, (N::of(1.0) - x * x) * v * 5.0 - x);
    Relaxation: |x, v| (N::of(0.0), (N::of(1.0) - x * x) * v * 5.0);
    Oscillation: |x, v| (v, -x);
}

struct SplitKernel {
    whole: System<Whole>,
    stiff: System<Relaxation>,
    rest: System<Oscillation>,
}

impl Kernel for SplitKernel {
    fn shape(&self) -> Shape {
        Kernel::<f64>::shape(&self.whole)
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        Kernel::eval(&self.whole, t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.whole.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.whole.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure {
            split: Some(Split { stiff: &self.stiff, rest: &self.rest, linear: false }),
            ..self.whole.structure()
        }
    }
}

#[test]
fn an_implicit_and_an_explicit_part_together_converge_with_order_four() {
    let split = SplitKernel {
        whole: System::new(Whole),
        stiff: System::new(Relaxation),
        rest: System::new(Oscillation),
    };
    let u0 = [2.0, 0.0];
    let ivp = Ivp { rhs: &split, t0: 0.0, t1: 1.0, u0: &u0, p: &[] };
    // The reference is that of another method, on the whole.
    let mut radau = Radau::new();
    equal_steps(&mut radau, &ivp, 1000);
    let exact = OneStep::<f64>::end(&radau).to_vec();
    let make = || Box::new(DiagonallyImplicit::new(&KENCARP4_IMEX)) as Box<dyn OneStep>;
    let order = order_on(make, &ivp, &exact, &[30, 40, 60, 80, 120]);
    assert!((order - 4.0).abs() < 0.2, "{order}");
    // On a right-hand side that is not split it is the implicit method.
    let whole = Ivp { rhs: &split.whole, ..ivp };
    let (mut a, mut b) = (make(), DiagonallyImplicit::new(&KENCARP4));
    equal_steps(&mut *a, &whole, 20);
    equal_steps(&mut b, &whole, 20);
    assert_eq!(a.end(), OneStep::<f64>::end(&b));
}
