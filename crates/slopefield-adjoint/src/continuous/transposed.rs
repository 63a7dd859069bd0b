//! Transposes of the matrices of a system, as the adjoint equation has them.

use slopefield_kernel::{Kernel, MatrixKernel, MatrixPattern};
use slopefield_linear::Mass;

/// Where the entries of the Jacobian of the adjoint equation are, and which entries of the system's
/// own Jacobian they come from.
#[derive(Default)]
pub(crate) struct Transposed {
    states: usize,
    /// Rows below those of the states: parameters whose integral is part of the equation.
    extra: usize,
    starts: Vec<usize>,
    rows: Vec<u32>,
    /// For each entry, which of the system's it is; empty when that has no matrix.
    from: Vec<u32>,
    /// The system's pattern, to know it again.
    source: (Vec<usize>, Vec<u32>),
}

impl Transposed {
    /// Takes the pattern of the system's Jacobian, or a full one; with rows for the `extra`
    /// parameters below, which are full. Allocates only when something has changed.
    pub fn prepare(&mut self, rhs: &dyn Kernel, extra: usize) {
        let n = rhs.shape().outputs;
        let structure = rhs.structure();
        let matrix = structure.jacobian.filter(|_| extra == 0).map(|matrix| matrix.pattern());
        let same = match &matrix {
            Some(pattern) => self.source.0 == pattern.starts && self.source.1 == pattern.rows,
            None => self.source.0.is_empty(),
        };
        if same && self.states == n && self.extra == extra && !self.starts.is_empty() {
            return;
        }
        *self = Transposed { states: n, extra, ..Transposed::default() };
        match matrix {
            Some(pattern) => self.transpose(pattern),
            None => {
                self.starts = (0..=n).map(|j| j * (n + extra)).collect();
                self.rows = (0..n).flat_map(|_| 0..(n + extra) as u32).collect();
            }
        }
        let last = self.rows.len();
        self.starts.resize(n + extra + 1, last);
    }

    fn transpose(&mut self, pattern: MatrixPattern<'_>) {
        let n = self.states;
        self.source = (pattern.starts.to_vec(), pattern.rows.to_vec());
        let mut counts = vec![0; n + 1];
        for row in pattern.rows {
            counts[*row as usize + 1] += 1;
        }
        for i in 0..n {
            counts[i + 1] += counts[i];
        }
        self.starts.clone_from(&counts);
        self.rows.resize(pattern.rows.len(), 0);
        self.from.resize(pattern.rows.len(), 0);
        for j in 0..n {
            for entry in pattern.starts[j]..pattern.starts[j + 1] {
                let place = &mut counts[pattern.rows[entry] as usize];
                self.rows[*place] = j as u32;
                self.from[*place] = entry as u32;
                *place += 1;
            }
        }
    }

    pub fn pattern(&self) -> MatrixPattern<'_> {
        let height = self.states + self.extra;
        MatrixPattern { height, starts: &self.starts, rows: &self.rows }
    }

    /// For each entry, which of the system's own it is; none when it has no matrix.
    pub fn sources(&self) -> Option<&[u32]> {
        if self.from.is_empty() { None } else { Some(&self.from) }
    }
}

/// The transpose of a constant mass matrix, with the identity below for the integrals.
#[derive(Default)]
pub(crate) struct TransposedMass {
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
}

impl TransposedMass {
    /// Of the mass matrix of a system, which is not the identity.
    pub fn of(mass: &Mass<f64>, extra: usize) -> Self {
        let n = mass.size();
        let mut columns: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n];
        if let Some(pattern) = mass.pattern() {
            for j in 0..n {
                let values = &mass.values()[pattern.range(j)];
                for (i, value) in pattern.column(j).iter().zip(values) {
                    columns[*i as usize].push((j as u32, *value));
                }
            }
        }
        columns.extend((n..n + extra).map(|i| vec![(i as u32, 1.0)]));
        let mut matrix = TransposedMass { starts: vec![0], ..TransposedMass::default() };
        for (row, value) in columns.iter().flat_map(|column| column.iter()) {
            matrix.rows.push(*row);
            matrix.values.push(*value);
        }
        let mut total = 0;
        for column in &columns {
            total += column.len();
            matrix.starts.push(total);
        }
        matrix
    }

    /// Writes `Mᵀ x` to `out`, for states alone.
    pub fn multiply_states(&self, x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (j, x) in x.iter().enumerate() {
            for entry in self.starts[j]..self.starts[j + 1] {
                out[self.rows[entry] as usize] += self.values[entry] * x;
            }
        }
    }
}

impl MatrixKernel for TransposedMass {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.starts.len() - 1, starts: &self.starts, rows: &self.rows }
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, _: f64, _: &[f64], _: &[f64], values: &mut [f64], _: &mut [f64]) {
        values.copy_from_slice(&self.values);
    }

    fn is_constant(&self) -> bool {
        true
    }
}
