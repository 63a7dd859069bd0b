//! Polynomials that the plugin gives of its last step, so that values within it need no call.

use super::PluginSolver;
use slopefield_plugin_abi as abi;
use slopefield_solve::SolveError;

/// Highest degree accepted.
const MAX_DEGREE: usize = 32;

/// The polynomials of the last step.
#[derive(Default)]
pub(super) struct Segments {
    /// Highest degree of this run.
    max_degree: usize,
    /// Rows of one coefficient for each state.
    coefficients: Vec<f64>,
    degree: usize,
    basis: u32,
    /// They are of the last step; otherwise the plugin must be asked.
    there: bool,
}

impl Segments {
    /// A step has been taken.
    pub(super) fn forget(&mut self) {
        self.there = false;
    }

    /// Highest degree of a step.
    pub(super) fn max_degree(&self) -> usize {
        self.max_degree
    }

    /// Writes the values at the part `s` of the step.
    fn evaluate(&self, s: f64, out: &mut [f64]) {
        let n = out.len();
        let row = |k: usize| &self.coefficients[k * n..(k + 1) * n];
        if self.basis == abi::SLF_BASIS_POWERS {
            out.copy_from_slice(row(self.degree));
            for k in (0..self.degree).rev() {
                for (out, c) in out.iter_mut().zip(row(k)) {
                    *out = *out * s + c;
                }
            }
            return;
        }
        out.copy_from_slice(row(0));
        let x = 2.0 * s - 1.0;
        let (mut before, mut now) = (1.0, x);
        for k in 1..=self.degree {
            for (out, c) in out.iter_mut().zip(row(k)) {
                *out += now * c;
            }
            (before, now) = (now, 2.0 * x * now - before);
        }
    }
}

impl PluginSolver {
    /// Asks a new run for its highest degree and makes room.
    pub(super) fn prepare_segments(&mut self) -> Result<(), SolveError> {
        self.segments.forget();
        let Some(table) = &self.entry.segments else { return Ok(()) };
        let Some(max_degree) = table.max_degree else { return Err(self.missing()) };
        let (mut degree, err) = (0, self.empty_error());
        // SAFETY: a function of the plugin on its own living instance, with room for a number.
        let status = unsafe { max_degree(self.living()?, &mut degree, err) };
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        self.segments.max_degree = degree as usize;
        if self.segments.max_degree > MAX_DEGREE {
            return Err(self.broke(format!(
                "the polynomials of its steps may have degree {degree}, more than the {MAX_DEGREE} \
                 allowed"
            )));
        }
        self.segments.coefficients.resize((self.segments.max_degree + 1) * self.y.len(), 0.0);
        Ok(())
    }

    /// Writes the values at the part `s` of the last step.
    pub(super) fn within_segment(&mut self, s: f64, out: &mut [f64]) -> Result<(), SolveError> {
        if !self.segments.there {
            self.fetch_segment()?;
        }
        self.segments.evaluate(s, out);
        Ok(())
    }

    /// Asks the plugin for the polynomials of the last step, and checks them.
    fn fetch_segment(&mut self) -> Result<(), SolveError> {
        let Some(segment) = self.entry.segments.and_then(|table| table.segment) else {
            return Err(self.missing());
        };
        let (instance, err) = (self.living()?, self.empty_error());
        let mut raw = abi::slf_segment {
            struct_size: size_of::<abi::slf_segment>() as u32,
            basis: 0,
            degree: self.segments.max_degree as u32,
            reserved: 0,
            coefficients: self.segments.coefficients.as_mut_ptr(),
        };
        // SAFETY: a function of the plugin on its own living instance, with room for polynomials of
        // the degree that it is told.
        let status = unsafe { segment(instance, &mut raw, err) };
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        let (degree, n) = (raw.degree as usize, self.y.len());
        if ![abi::SLF_BASIS_POWERS, abi::SLF_BASIS_CHEBYSHEV].contains(&raw.basis) {
            return Err(self.broke(format!(
                "the polynomials of its step have the basis {}, which is none",
                raw.basis
            )));
        }
        if degree > self.segments.max_degree {
            return Err(self.broke(format!(
                "the polynomials of its step have degree {degree}, more than the {} it said",
                self.segments.max_degree
            )));
        }
        let written = &self.segments.coefficients[..(degree + 1) * n];
        if let Some(i) = written.iter().position(|c| !c.is_finite()) {
            let (value, k, state) = (written[i], i / n, i % n);
            return Err(self.broke(format!(
                "coefficient {k} of the polynomial of element {state} of its step is {value}"
            )));
        }
        (self.segments.degree, self.segments.basis) = (degree, raw.basis);
        self.segments.there = true;
        Ok(())
    }
}
