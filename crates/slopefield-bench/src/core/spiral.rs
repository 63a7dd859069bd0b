//! B8 of the peers: 1000 evaluations of the spiral's network, each from the result of the one
//! before, as in a solver. The comparator keeps its weights in the layout that suits it best.

use super::{InC, compiled, texts};
use crate::buffer::Buffer;
use crate::comparator::native::Whole;
use crate::{BenchError, Case, Check, Saved, Setting, Subject, Trial, stored};
use slopefield_kernel::{Cotangent, Kernel, Point};
use std::sync::Arc;

const EVALUATIONS: usize = 1000;

pub(super) fn cases() -> Vec<Case> {
    let case = |product: bool, name: &str, what, case: &str, metric| Case {
        name: name.into(),
        about: format!(
            "network 2-50-2 on cubed states, {what}, each from the one before; C++ with its own \
             layout of weights"
        ),
        target: None,
        saved: Saved { bench: "B8", case: case.into(), metric },
        prepare: Box::new(move |setting| prepare(product, setting)),
    };
    vec![
        case(
            false,
            "spiral-rhs",
            "right-hand side",
            "RHS: compiled, loop of 1000",
            "time per evaluation",
        ),
        case(
            true,
            "spiral-product",
            "right-hand side with vᵀJ",
            "RHS+VJP: compiled, loop of 1000",
            "time per RHS + vector-Jacobian product (all parameters and the state)",
        ),
    ]
}

fn prepare(product: bool, setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(texts::SPIRAL, setting)?;
    let stored = stored::spiral();
    let weights = stored.get("weights");
    let case = if product { "spiral_product" } else { "spiral_rhs" };
    let whole = Whole::open(setting.comparators, case, weights, 0)?;
    let ours = Loop {
        scratch: Buffer::zeros(model.rhs.scratch_len()),
        p: Buffer::of(weights),
        by_param: Buffer::zeros(weights.len()),
        slope: [0.0; 2],
        by_state: [0.0; 2],
        kernel: model.rhs,
        product,
    };
    Ok(Trial {
        ours: Box::new(ours),
        comparator: InC::boxed(whole),
        check: Check { agreement: 1e-12, reference: None },
        work: EVALUATIONS,
        compile_s,
    })
}

struct Loop {
    kernel: Arc<dyn Kernel>,
    p: Buffer,
    by_param: Buffer,
    scratch: Buffer,
    slope: [f64; 2],
    by_state: [f64; 2],
    product: bool,
}

impl Subject for Loop {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        for _ in 0..calls {
            let mut u = [0.5, 0.51];
            self.by_param.fill(0.0);
            for _ in 0..EVALUATIONS {
                let result = if self.product {
                    self.by_state = [0.0; 2];
                    let grad =
                        Cotangent { t: &mut 0.0, u: &mut self.by_state, p: &mut self.by_param };
                    // The product evaluates the right-hand side on its way.
                    let at = Point { t: 0.0, u: &u, p: &self.p };
                    self.kernel.vjp(at, &[0.3, 0.3], grad, &mut self.scratch);
                    self.by_state
                } else {
                    self.kernel.eval(0.0, &u, &self.p, &mut self.slope, &mut self.scratch);
                    self.slope
                };
                u = result.map(|x| 0.5 + 0.01 * x);
            }
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        if !self.product {
            return Ok(self.slope.to_vec());
        }
        Ok([&self.by_state[..], &*self.by_param].concat())
    }

    fn evaluations(&self) -> Option<u64> {
        Some(EVALUATIONS as u64)
    }
}
