//! An operator for the tests of this crate.

use super::{CustomCode, CustomOp, CustomSource, bind, offer};
use std::sync::{Arc, Once};

/// `f(x, y) = (sin(x0) y, x1² + x0 y)` for operands of 2 elements and 1.
pub(crate) fn operator() -> &'static CustomOp {
    static OFFERED: Once = Once::new();
    OFFERED.call_once(|| offer(NAME, Arc::new(Source)));
    bind(NAME, &[2, 1], 2).expect("it is what it says")
}

pub(crate) const NAME: &str = "org.example.test@1.0.0/mixed";

struct Source;

impl CustomSource for Source {
    fn bind(&self, lengths: &[u32], outputs: u32) -> Result<Box<dyn CustomCode>, String> {
        match (lengths, outputs) {
            ([2, 1], 2) => Ok(Box::new(Mixed)),
            _ => Err("it takes two operands, of 2 elements and 1".to_owned()),
        }
    }
}

struct Mixed;

impl CustomCode for Mixed {
    fn forward(&self, x: &[f64], y: &mut [f64]) {
        y[0] = x[0].sin() * x[2];
        y[1] = x[1] * x[1] + x[0] * x[2];
    }

    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]) {
        grad[0] = w[0] * x[0].cos() * x[2] + w[1] * x[2];
        grad[1] = w[1] * 2.0 * x[1];
        grad[2] = w[0] * x[0].sin() + w[1] * x[0];
    }
}
