//! Polynomials of a step, asked for through the interface.

use super::super::pages::Access;
use super::super::{Buffer, Failure};
use super::Instance;
use slopefield_plugin_abi as abi;

/// Polynomials of a step, one for each state, in the part of the step that has passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomials {
    n: usize,
    basis: u32,
    coefficients: Vec<f64>,
}

impl Polynomials {
    /// The values at the part `s` of the step.
    pub fn at(&self, s: f64) -> Vec<f64> {
        let mut values = vec![0.0; self.n];
        for (k, row) in self.coefficients.chunks_exact(self.n).enumerate() {
            let weight = match self.basis {
                abi::SLF_BASIS_POWERS => s.powi(k as i32),
                _ => (k as f64 * (2.0 * s - 1.0).acos()).cos(),
            };
            values.iter_mut().zip(row).for_each(|(value, c)| *value += weight * c);
        }
        values
    }

    /// Their degree.
    pub fn degree(&self) -> usize {
        (self.coefficients.len() / self.n.max(1)).saturating_sub(1)
    }
}

impl Instance {
    /// The polynomials of the last step; none where the factory has no such table.
    pub fn polynomials(&mut self) -> Option<Result<Polynomials, Failure>> {
        let get = self.solvers.table.get_extension?;
        // SAFETY: a function of the plugin, given text that lives for ever.
        let table = unsafe { get(abi::slf_str::new(abi::DENSE_SEGMENT)) };
        // SAFETY: null or the plugin's table for this id, which lives as long as the process.
        let table = unsafe { table.cast::<abi::slf_dense_segment>().as_ref() }?;
        Some(self.ask(table))
    }

    fn ask(&mut self, table: &abi::slf_dense_segment) -> Result<Polynomials, Failure> {
        let failed = |message: String| Failure { status: abi::SLF_ERR_INTERNAL, message };
        let (Some(max_degree), Some(segment)) = (table.max_degree, table.segment) else {
            return Err(failed("a function of the table of polynomials is null".to_owned()));
        };
        let (raw, n, mut err, mut degree) = (self.raw, self.n, Buffer::new(), 0);
        // SAFETY: a function of the plugin on its own living instance, with room for a number.
        let status = unsafe { max_degree(raw, &mut degree, &mut err.raw) };
        self.outcome(status, &err)?;
        if degree > 32 {
            return Err(failed(format!("max_degree is {degree}, more than the 32 allowed")));
        }
        let blank = vec![f64::NAN; (degree as usize + 1) * n];
        let mut lent = self.lend(&blank, Access::Write, "the room for polynomials")?;
        let mut out = abi::slf_segment {
            struct_size: size_of::<abi::slf_segment>() as u32,
            basis: 0,
            degree,
            reserved: 0,
            coefficients: lent.pointer(),
        };
        // SAFETY: as above, with room for polynomials of the degree that it is told.
        let status = unsafe { segment(raw, &mut out, &mut err.raw) };
        let (mut coefficients, intact, _) = lent.back();
        if !intact {
            self.misuse.get_or_insert("it wrote beside the room for polynomials".to_owned());
        }
        self.outcome(status, &err)?;
        if ![abi::SLF_BASIS_POWERS, abi::SLF_BASIS_CHEBYSHEV].contains(&out.basis) {
            return Err(failed(format!("the basis is {}, which is none", out.basis)));
        }
        if out.degree > degree {
            let said = out.degree;
            return Err(failed(format!("the degree is {said} and max_degree is {degree}")));
        }
        coefficients.truncate((out.degree as usize + 1) * n);
        match coefficients.iter().position(|c| !c.is_finite()) {
            Some(i) => Err(failed(format!("coefficient {} is {}", i / n, coefficients[i]))),
            None => Ok(Polynomials { n, basis: out.basis, coefficients }),
        }
    }
}
