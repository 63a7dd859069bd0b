//! The Jacobian of a model's right-hand side, made when a method first asks for it.

use super::Source;
use slopefield_graph::sparse::{Colouring, Pattern, SparseJacobian};
use slopefield_graph::{JacobianPlan, MatrixInterpreter, lower_jacobian};
use slopefield_kernel::{Kernel, MatrixKernel, MatrixPattern, Point};
use std::sync::{Arc, OnceLock};

/// A Jacobian that is compiled at its first use: explicit methods never need it.
pub(super) struct LazyJacobian {
    source: Arc<Source>,
    rhs: Arc<dyn Kernel>,
    made: OnceLock<Box<dyn MatrixKernel>>,
}

impl LazyJacobian {
    pub(super) fn new(source: &Arc<Source>, rhs: Arc<dyn Kernel>) -> Self {
        LazyJacobian { source: Arc::clone(source), rhs, made: OnceLock::new() }
    }

    fn matrix(&self) -> &dyn MatrixKernel {
        let Source { model, lowered } = &*self.source;
        &**self.made.get_or_init(|| match lower_jacobian(model, lowered) {
            Ok(Some(plan)) => compiled(plan),
            // Too large to be a program of its own, or not to be lowered at all.
            Ok(None) | Err(_) => {
                let pattern = Pattern::of(&lowered.rhs.eval).left(model.states.len());
                Box::new(ColouredJacobian::new(pattern, Arc::clone(&self.rhs)))
            }
        })
    }
}

fn compiled(plan: JacobianPlan) -> Box<dyn MatrixKernel> {
    match slopefield_cpu::compile_matrix(&plan) {
        Ok(matrix) => Box::new(matrix),
        // Some systems forbid memory that is both written and run.
        Err(_) => Box::new(MatrixInterpreter::new(plan)),
    }
}

impl MatrixKernel for LazyJacobian {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix().pattern()
    }

    fn scratch_len(&self) -> usize {
        self.matrix().scratch_len()
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        self.matrix().eval(t, u, p, values, scratch);
    }
}

/// Entries from forward products, one for each group of columns that share no row.
struct ColouredJacobian {
    matrix: SparseJacobian,
    kernel: Arc<dyn Kernel>,
}

impl ColouredJacobian {
    fn new(pattern: Pattern, kernel: Arc<dyn Kernel>) -> Self {
        let colouring = Colouring::of_columns(&pattern);
        ColouredJacobian { matrix: SparseJacobian::new(pattern, colouring), kernel }
    }
}

impl MatrixKernel for ColouredJacobian {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix.pattern().as_matrix_pattern()
    }

    fn scratch_len(&self) -> usize {
        SparseJacobian::scratch_len(&*self.kernel)
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        self.matrix.evaluate(&*self.kernel, Point { t, u, p }, values, scratch);
    }
}
