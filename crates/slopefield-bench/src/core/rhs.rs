//! One evaluation of a right-hand side, or of its product with all parameters, through the
//! interface that solvers use. As in a solver, a call cannot begin before the one before it has
//! ended: two of its inputs follow from that result.

use super::{at_most, compiled, own, texts};
use crate::buffer::Buffer;
use crate::comparator::native::{CFunction, Sizes};
use crate::comparator::{
    KINETICS, LARGE_NETWORK, LARGE_NETWORK_SHORT, LOTKA_VOLTERRA, SMALL_NETWORK,
    SMALL_NETWORK_SHORT,
};
use crate::{BenchError, Case, Check, Setting, Subject, Target, Trial};
use slopefield_kernel::{Cotangent, Kernel, Point};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A model text and the same function in C.
#[derive(Clone, Copy)]
struct Pair {
    text: &'static str,
    source: &'static crate::comparator::Source,
    /// Numbers of work space that the C needs.
    scratch: usize,
}

const LV: Pair = Pair { text: texts::LOTKA_VOLTERRA, source: &LOTKA_VOLTERRA, scratch: 0 };
const CHEMISTRY: Pair = Pair { text: texts::KINETICS, source: &KINETICS, scratch: 0 };
const SMALL: Pair = Pair { text: texts::SMALL_NETWORK, source: &SMALL_NETWORK, scratch: 50 };
const SMALL_SHORT: Pair = Pair { source: &SMALL_NETWORK_SHORT, ..SMALL };
const LARGE: Pair = Pair { text: texts::LARGE_NETWORK, source: &LARGE_NETWORK, scratch: 512 };
const LARGE_SHORT: Pair = Pair { source: &LARGE_NETWORK_SHORT, ..LARGE };

/// What is evaluated.
#[derive(Clone, Copy)]
enum Entry {
    Rhs,
    Product,
}

pub(super) fn cases() -> Vec<Case> {
    use Entry::{Product, Rhs};
    const FAST: &str = "C -O3 -ffast-math with the C library's vector tanh";
    const SHORT: &str = "C -O3 -ffast-math with a short tanh (absolute error only)";
    let case = |name: &str, model: &str, c: &str, pair, entry, target| {
        let (what, metric) = match entry {
            Rhs => ("right-hand side", "time per right-hand side"),
            Product => ("vᵀJ by states and parameters", "time per vector-Jacobian product"),
        };
        Case {
            name: name.into(),
            about: format!("{model}, {what}; {c}"),
            target,
            saved: own(name, metric),
            prepare: Box::new(move |setting| prepare(pair, entry, setting)),
        }
    };
    let none: Option<Target> = None;
    let (small, large) = ("network 2-50-2", "network 16-128-128-16");
    vec![
        case("lv-rhs", "Lotka-Volterra", "C -O3", LV, Rhs, at_most(1.1)),
        case("lv-product", "Lotka-Volterra", "C -O3", LV, Product, none),
        case(
            "kinetics-rhs",
            "30 species, 40 exp, 20 pow",
            "C -O3 with the C library's functions",
            CHEMISTRY,
            Rhs,
            at_most(0.6),
        ),
        case("small-network-rhs", small, FAST, SMALL, Rhs, at_most(0.7)),
        case("small-network-rhs-short", small, SHORT, SMALL_SHORT, Rhs, none),
        case("small-network-product", small, FAST, SMALL, Product, at_most(1.0)),
        case("small-network-product-short", small, SHORT, SMALL_SHORT, Product, none),
        case("large-network-rhs", large, FAST, LARGE, Rhs, at_most(0.8)),
        case("large-network-rhs-short", large, SHORT, LARGE_SHORT, Rhs, none),
        case("large-network-product", large, FAST, LARGE, Product, at_most(1.0)),
        case("large-network-product-short", large, SHORT, LARGE_SHORT, Product, none),
    ]
}

fn prepare(pair: Pair, entry: Entry, setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(pair.text, setting)?;
    let p = model.start_params(1);
    let u = model.initial_state(0.0, &p, &[]);
    let w: Vec<f64> = (0..u.len()).map(|i| 1.0 - 0.05 * i as f64).collect();
    let sizes = Sizes { states: u.len(), params: p.len(), scratch: pair.scratch };
    let inputs =
        Rc::new(RefCell::new(Inputs { u: Buffer::of(&u), p: Buffer::of(&p), w: Buffer::of(&w) }));
    let ours = Ours { scratch: Buffer::zeros(model.rhs.scratch_len()), kernel: model.rhs };
    let ours = Evaluate::boxed(ours, entry, &inputs);
    let function = CFunction::open(setting.comparators, pair.source, sizes)?;
    let comparator = function.map(|function| {
        let c = C { function, scratch: Buffer::zeros(sizes.scratch) };
        Evaluate::boxed(c, entry, &inputs)
    });
    // Sums in another order, another tanh: rounding only.
    let check = Check { agreement: 1e-12, reference: None };
    Ok(Trial { ours, comparator, check, work: 1, compile_s })
}

/// The very same arrays for both.
struct Inputs {
    u: Buffer,
    p: Buffer,
    w: Buffer,
}

/// Makes the first two numbers from the first two of a result, close to where they began.
fn follow([a, b]: [f64; 2], scale: f64) -> impl Fn(&mut [f64], &[f64]) {
    move |numbers, result| {
        numbers[0] = a + scale * result[0];
        numbers[1] = b + scale * result[1];
    }
}

/// A hair's breadth: results grow with the number of calls, as products are added up.
const BY_PRODUCT: f64 = 1e-12;
const BY_SLOPE: f64 = 1e-3;

/// One function in two implementations.
trait Function {
    fn eval(&mut self, calls: usize, inputs: &mut Inputs, out: &mut [f64]);
    fn product(&mut self, calls: usize, inputs: &mut Inputs, gu: &mut [f64], gp: &mut [f64]);
}

struct Ours {
    kernel: Arc<dyn Kernel>,
    scratch: Buffer,
}

impl Function for Ours {
    fn eval(&mut self, calls: usize, inputs: &mut Inputs, out: &mut [f64]) {
        let (u, p, scratch) = (&mut *inputs.u, &*inputs.p, &mut *self.scratch);
        let next = follow([u[0], u[1]], BY_SLOPE);
        for _ in 0..calls {
            self.kernel.eval(0.0, u, p, out, scratch);
            next(u, out);
        }
    }

    fn product(&mut self, calls: usize, inputs: &mut Inputs, gu: &mut [f64], gp: &mut [f64]) {
        let at = Point { t: 0.0, u: &inputs.u, p: &inputs.p };
        let (w, scratch, mut gt) = (&mut *inputs.w, &mut *self.scratch, 0.0);
        let next = follow([w[0], w[1]], BY_PRODUCT);
        for _ in 0..calls {
            self.kernel.vjp(at, w, Cotangent { t: &mut gt, u: gu, p: gp }, scratch);
            next(w, gu);
        }
    }
}

struct C {
    function: CFunction,
    scratch: Buffer,
}

impl Function for C {
    fn eval(&mut self, calls: usize, inputs: &mut Inputs, out: &mut [f64]) {
        let u = &mut *inputs.u;
        let next = follow([u[0], u[1]], BY_SLOPE);
        self.function.eval(calls, [u, out, &mut self.scratch], &inputs.p, next);
    }

    fn product(&mut self, calls: usize, inputs: &mut Inputs, gu: &mut [f64], gp: &mut [f64]) {
        let Inputs { u, p, w } = inputs;
        let next = follow([w[0], w[1]], BY_PRODUCT);
        self.function.vjp(calls, [u, p], [w, gu, gp, &mut self.scratch], next);
    }
}

struct Evaluate<F> {
    function: F,
    entry: Entry,
    inputs: Rc<RefCell<Inputs>>,
    /// Result, or gradient by the states.
    out: Buffer,
    /// Gradient by the parameters.
    by_param: Buffer,
}

impl<F: Function + 'static> Evaluate<F> {
    fn boxed(function: F, entry: Entry, inputs: &Rc<RefCell<Inputs>>) -> Box<dyn Subject> {
        let (states, params) = (inputs.borrow().u.len(), inputs.borrow().p.len());
        let (out, by_param) = (Buffer::zeros(states), Buffer::zeros(params));
        Box::new(Evaluate { function, entry, inputs: inputs.clone(), out, by_param })
    }
}

impl<F: Function> Subject for Evaluate<F> {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let inputs = &mut *self.inputs.borrow_mut();
        self.out.fill(0.0);
        match self.entry {
            Entry::Rhs => {
                let start = [inputs.u[0], inputs.u[1]];
                self.function.eval(calls, inputs, &mut self.out);
                inputs.u[..2].copy_from_slice(&start);
            }
            Entry::Product => {
                let start = [inputs.w[0], inputs.w[1]];
                self.by_param.fill(0.0);
                self.function.product(calls, inputs, &mut self.out, &mut self.by_param);
                inputs.w[..2].copy_from_slice(&start);
            }
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        let mut result = self.out.to_vec();
        if let Entry::Product = self.entry {
            result.extend_from_slice(&self.by_param);
        }
        Ok(result)
    }
}
