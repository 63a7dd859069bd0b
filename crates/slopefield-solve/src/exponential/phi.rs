//! Functions of matrices: `φ_0(A) = e^A` and `φ_k(A) = Σ_j A^j/(j+k)!` for `k = 1, 2, 3`.
//!
//! By scaling and doubling: Taylor's series of `φ_3` at `2^{−s} A`, the recurrence
//! `φ_{k−1}(z) = z φ_k(z) + 1/(k−1)!`, and `s` times
//!
//! ```text
//! φ_0(2z) = φ_0²     φ_1(2z) = (φ_0 φ_1 + φ_1)/2     φ_2(2z) = (φ_1² + 2 φ_2)/4
//! φ_3(2z) = (φ_1 φ_2 + φ_2 + 2 φ_3)/8
//! ```
//!
//! in which nothing cancels, unlike in the definition by differences of exponentials (Skaflestad,
//! Wright, *The scaling and modified squaring method for matrix functions related to the
//! exponential*, Applied Numerical Mathematics 59 (2009) 783–799, doi:10.1016/j.apnum.2008.03.035).

use slopefield_linear::multiply_square;

/// The functions of one block, `m × m` and by columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Phi {
    /// `φ_0 … φ_3`.
    pub functions: [Vec<f64>; 4],
    scaled: Vec<f64>,
    work: [Vec<f64>; 2],
}

/// Taylor's series is used below this norm,
const SMALL: f64 = 0.5;
/// with terms up to this power: the next is `0.5^15 3!/18! < 1e-19` of the first.
const TERMS: u32 = 14;

impl Phi {
    /// Computes the functions at `h A`.
    pub fn compute(&mut self, m: usize, h: f64, a: &[f64]) {
        for matrix in self.functions.iter_mut().chain(&mut self.work).chain([&mut self.scaled]) {
            matrix.resize(m * m, 0.0);
        }
        let norm = a
            .chunks_exact(m)
            .map(|column| column.iter().map(|a| (h * a).abs()).sum::<f64>())
            .fold(0.0, f64::max);
        if !norm.is_finite() {
            for function in &mut self.functions {
                function.fill(f64::NAN);
            }
            return;
        }
        let doublings = (norm / SMALL).log2().ceil().max(0.0) as i32;
        let scale = h * 0.5_f64.powi(doublings);
        for (scaled, a) in self.scaled.iter_mut().zip(a) {
            *scaled = scale * a;
        }
        self.series(m);
        for _ in 0..doublings {
            self.double(m);
        }
    }

    /// The functions at the scaled matrix, by Horner's scheme for `φ_3`.
    fn series(&mut self, m: usize) {
        let factorial = |k: u32| (1..=k).map(f64::from).product::<f64>();
        let [f0, f1, f2, f3] = &mut self.functions;
        let scaled = &self.scaled;
        f3.fill(0.0);
        add_identity(m, 1.0 / factorial(TERMS + 3), f3);
        for k in (0..TERMS).rev() {
            multiply_square(m, scaled, f3, &mut self.work[0]);
            std::mem::swap(f3, &mut self.work[0]);
            add_identity(m, 1.0 / factorial(k + 3), f3);
        }
        multiply_square(m, scaled, f3, f2);
        add_identity(m, 0.5, f2);
        multiply_square(m, scaled, f2, f1);
        add_identity(m, 1.0, f1);
        multiply_square(m, scaled, f1, f0);
        add_identity(m, 1.0, f0);
    }

    /// The functions at twice the matrix.
    pub fn double(&mut self, m: usize) {
        let [f0, f1, f2, f3] = &mut self.functions;
        let [work, other] = &mut self.work;
        // φ_3 and φ_2 first: they need the others as they are.
        multiply_square(m, f1, f2, work);
        for ((f3, f2), product) in f3.iter_mut().zip(f2.iter()).zip(work.iter()) {
            *f3 = 0.125 * (product + f2 + 2.0 * *f3);
        }
        multiply_square(m, f1, f1, work);
        for (f2, product) in f2.iter_mut().zip(work.iter()) {
            *f2 = 0.25 * (product + 2.0 * *f2);
        }
        multiply_square(m, f0, f1, work);
        for (f1, product) in f1.iter_mut().zip(work.iter()) {
            *f1 = 0.5 * (product + *f1);
        }
        multiply_square(m, f0, f0, other);
        std::mem::swap(f0, other);
    }
}

fn add_identity(m: usize, factor: f64, a: &mut [f64]) {
    for i in 0..m {
        a[i * m + i] += factor;
    }
}

#[cfg(test)]
mod tests {
    use super::Phi;

    /// `φ_k(z)` for a number, by its series or its definition, whichever is good.
    fn exact(k: usize, z: f64) -> f64 {
        let factorial = |k: usize| (1..=k).map(|k| k as f64).product::<f64>();
        if z.abs() < 1.0 {
            return (0..30).map(|j| z.powi(j as i32) / factorial(j + k)).sum();
        }
        (0..k).fold(z.exp(), |value, j| (value - 1.0 / factorial(j)) / z)
    }

    #[test]
    fn numbers_agree_with_the_definition() {
        for z in [-1e6, -3e3, -40.0, -5.0, -1.0, -0.3, 0.0, 1e-3, 0.7, 4.0] {
            let mut phi = Phi::default();
            phi.compute(1, 0.5, &[2.0 * z]);
            for k in 0..4 {
                let (found, exact) = (phi.functions[k][0], exact(k, z));
                let off = (found - exact).abs();
                assert!(off <= 1e-13 * exact.abs().max(1e-20), "φ_{k}({z}): {found} {exact}");
            }
        }
    }

    #[test]
    fn a_nilpotent_matrix_gives_the_series_itself() {
        // A = [0 a; 0 0]: φ_k(A) = I/k! + A/(k+1)!.
        let mut phi = Phi::default();
        phi.compute(2, 1.0, &[0.0, 0.0, 12.0, 0.0]);
        for (k, (diagonal, above)) in
            [(1.0, 12.0), (1.0, 6.0), (0.5, 2.0), (1.0 / 6.0, 0.5)].into_iter().enumerate()
        {
            let exact = [diagonal, 0.0, above, diagonal];
            let pairs = phi.functions[k].iter().zip(&exact);
            assert!(pairs.map(|(a, b)| (a - b).abs()).all(|off| off < 1e-14), "φ_{k}");
        }
    }

    #[test]
    fn a_rotation_is_a_rotation() {
        // A = [0 −w; w 0] has e^A = rotation by w, φ_1(A) = A⁻¹ (e^A − I).
        let w = 30.0_f64;
        let mut phi = Phi::default();
        phi.compute(2, 1.0, &[0.0, w, -w, 0.0]);
        let (sin, cos) = w.sin_cos();
        let exact = [[cos, sin, -sin, cos], [sin / w, (1.0 - cos) / w, (cos - 1.0) / w, sin / w]];
        for (k, exact) in exact.iter().enumerate() {
            let pairs = phi.functions[k].iter().zip(exact);
            assert!(pairs.map(|(a, b)| (a - b).abs()).all(|off| off < 1e-13), "φ_{k}");
        }
    }
}
