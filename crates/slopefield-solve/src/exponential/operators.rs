//! The matrices that a step of a given length needs, and the few lengths that are kept.

use super::linear_part::LinearPart;
use super::phi::Phi;
use crate::Real;

/// The matrices of ETDRK4 for a step of length `h`, block by block.
#[derive(Default)]
pub(super) struct Operators<T> {
    pub h: f64,
    /// `e^{hL/2}` and `h/2 φ_1(hL/2)`.
    pub half: [Vec<T>; 2],
    /// `e^{hL}`.
    pub whole: Vec<T>,
    /// Weights of the slopes at the beginning, in the middle (each of two) and at the end:
    /// `h (φ_1 − 3 φ_2 + 4 φ_3)`, `h (2 φ_2 − 4 φ_3)`, `h (4 φ_3 − φ_2)` at `hL`.
    pub weights: [Vec<T>; 3],
    used: u64,
}

/// Operators of the lengths used last.
#[derive(Default)]
pub(super) struct Cache<T> {
    kept: Vec<Operators<T>>,
    /// Functions of each block at the length `functions_at`.
    functions: Vec<Phi>,
    functions_at: f64,
    clock: u64,
}

/// Lengths that are kept.
const KEPT: usize = 4;

/// Lengths that differ by less, relatively, are the same: times are rounded.
const SAME: f64 = 1e-8;

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME * b.abs()
}

impl<T: Real> Cache<T> {
    /// Forgets all, for another matrix.
    pub fn clear(&mut self) {
        for kept in &mut self.kept {
            (kept.h, kept.used) = (f64::NAN, 0);
        }
        self.functions_at = f64::NAN;
    }

    /// The operators for steps of length `h`, computed unless they are kept. The second is whether
    /// they were computed.
    pub fn of_length(&mut self, linear: &LinearPart<T>, h: f64) -> (&Operators<T>, bool) {
        self.clock += 1;
        let found = self.kept.iter().position(|kept| same(kept.h, h));
        let (index, computed) = match found {
            Some(index) => (index, false),
            None => (self.compute(linear, h), true),
        };
        let operators = &mut self.kept[index];
        operators.used = self.clock;
        (operators, computed)
    }

    fn compute(&mut self, linear: &LinearPart<T>, h: f64) -> usize {
        if self.kept.len() < KEPT {
            self.kept.push(Operators::default());
        }
        let unused = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.used);
        let index = unused.map_or(0, |(index, _)| index);
        let blocks = linear.starts.len().saturating_sub(1);
        self.functions.resize_with(blocks, Phi::default);
        // The functions of the last length are those of half of this one, after a doubling.
        let at_half = same(self.functions_at, 0.5 * h);
        let operators = &mut self.kept[index];
        operators.h = h;
        let total = linear.entries.len();
        let [b, c, d] = &mut operators.weights;
        let [e, a] = &mut operators.half;
        for matrix in [&mut *e, &mut *a, &mut operators.whole, &mut *b, &mut *c, &mut *d] {
            matrix.resize(total, T::ZERO);
        }
        let mut first = 0;
        for ((_, m), phi) in linear.blocks().zip(&mut self.functions) {
            let place = first..first + m * m;
            if !at_half {
                phi.compute(m, 0.5 * h, &linear.entries[place.clone()]);
            }
            for (k, at) in place.clone().enumerate() {
                e[at] = T::of(phi.functions[0][k]);
                a[at] = T::of(0.5 * h * phi.functions[1][k]);
            }
            phi.double(m);
            let [f0, f1, f2, f3] = &phi.functions;
            for (k, at) in place.enumerate() {
                operators.whole[at] = T::of(f0[k]);
                b[at] = T::of(h * (f1[k] - 3.0 * f2[k] + 4.0 * f3[k]));
                c[at] = T::of(h * (2.0 * f2[k] - 4.0 * f3[k]));
                d[at] = T::of(h * (4.0 * f3[k] - f2[k]));
            }
            first += m * m;
        }
        self.functions_at = h;
        index
    }
}

/// `out += M x` for a matrix in the blocks of `linear`.
pub(super) fn add_product<T: Real>(linear: &LinearPart<T>, matrix: &[T], x: &[T], out: &mut [T]) {
    let mut first = 0;
    for (start, m) in linear.blocks() {
        let members = &linear.members[start..start + m];
        if let [i] = members {
            let i = *i as usize;
            out[i] += matrix[first] * x[i];
        } else if members[m - 1] - members[0] == m as u32 - 1 {
            // Neighbours: no need to look them up.
            let begin = members[0] as usize;
            let out = &mut out[begin..begin + m];
            for (column, x) in matrix[first..first + m * m].chunks_exact(m).zip(&x[begin..]) {
                for (sum, a) in out.iter_mut().zip(column) {
                    *sum += *a * *x;
                }
            }
        } else {
            for (column, j) in matrix[first..first + m * m].chunks_exact(m).zip(members) {
                let x = x[*j as usize];
                for (i, a) in members.iter().zip(column) {
                    out[*i as usize] += *a * x;
                }
            }
        }
        first += m * m;
    }
}
