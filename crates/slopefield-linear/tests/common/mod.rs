//! Linear systems with any pattern, as kernels.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};
use slopefield_linear::Real;

/// Numbers that are the same every time (a linear congruential generator).
pub struct Generator(pub u64);

impl Generator {
    /// Between −1 and 1.
    pub fn number(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A sparse matrix that is its own function.
#[derive(Clone)]
pub struct Sparse<T> {
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> MatrixKernel<T> for Sparse<T> {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.starts.len() - 1, starts: &self.starts, rows: &self.rows }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: T, _: &[T], _: &[T], values: &mut [T], _: &mut [T]) {
        values.copy_from_slice(&self.values);
    }
}

impl<T: Real> Sparse<T> {
    fn of(n: usize, entry: impl Fn(usize, usize) -> Option<T>) -> Self {
        let mut sparse = Sparse { starts: vec![0], rows: vec![], values: vec![] };
        for j in 0..n {
            for i in 0..n {
                if let Some(value) = entry(i, j) {
                    sparse.rows.push(i as u32);
                    sparse.values.push(value);
                }
            }
            sparse.starts.push(sparse.rows.len());
        }
        sparse
    }

    fn entry(&self, i: usize, j: usize) -> T {
        let range = self.starts[j]..self.starts[j + 1];
        match self.rows[range.clone()].binary_search(&(i as u32)) {
            Ok(at) => self.values[range][at],
            Err(_) => T::ZERO,
        }
    }
}

/// `M u' = J u`.
#[derive(Clone)]
pub struct LinearSystem<T> {
    pub n: usize,
    jacobian: Sparse<T>,
    mass: Option<Sparse<T>>,
    /// Whether the Jacobian is hidden, so that it has to be found by products.
    hidden: bool,
}

impl<T: Real> LinearSystem<T> {
    pub fn empty(n: usize) -> Self {
        LinearSystem { n, jacobian: Sparse::of(n, |_, _| None), mass: None, hidden: false }
    }

    /// Entries between −1 and 1, each there with a probability, and a full diagonal.
    pub fn random(n: usize, density: f64, hidden: bool, with_mass: bool) -> Self {
        let mut generator = Generator(11 + n as u64);
        let mut numbers = Vec::new();
        for index in 0..n * n {
            let there = 0.5 * (generator.number() + 1.0) < density || index % (n + 1) == 0;
            let value = T::of(generator.number());
            numbers.push(there.then_some(value));
        }
        let jacobian = Sparse::of(n, |i, j| numbers[i * n + j]);
        let mass = with_mass.then(|| {
            Sparse::of(n, |i, j| {
                (i == j || (j + 1 == i && i % 3 == 1)).then(|| T::of(1.0 + 0.3 * (i % 4) as f64))
            })
        });
        LinearSystem { n, jacobian, mass, hidden }
    }

    pub fn set(&mut self, i: usize, j: usize, value: f64) {
        let old = self.jacobian.clone();
        let range = old.starts[j]..old.starts[j + 1];
        match old.rows[range.clone()].binary_search(&(i as u32)) {
            Ok(at) => self.jacobian.values[range.start + at] = T::of(value),
            Err(at) => {
                self.jacobian.rows.insert(range.start + at, i as u32);
                self.jacobian.values.insert(range.start + at, T::of(value));
                for start in &mut self.jacobian.starts[j + 1..] {
                    *start += 1;
                }
            }
        }
    }

    pub fn rescale(&mut self, mut factor: impl FnMut() -> f64) {
        for value in &mut self.jacobian.values {
            *value = T::of(if value.f64() < 0.0 { -factor() } else { factor() });
        }
    }

    pub fn without_mass(&mut self) {
        self.mass = Some(Sparse::of(self.n, |_, _| None));
    }

    pub fn jacobian_entry(&self, i: usize, j: usize) -> T {
        self.jacobian.entry(i, j)
    }

    pub fn mass_entry(&self, i: usize, j: usize) -> T {
        match &self.mass {
            Some(mass) => mass.entry(i, j),
            None if i == j => T::ONE,
            None => T::ZERO,
        }
    }

    pub fn pattern(&self) -> MatrixPattern<'_> {
        self.jacobian.pattern()
    }

    pub fn hide(&mut self) {
        self.hidden = true;
    }
}

impl<T: Real> Kernel<T> for LinearSystem<T> {
    fn shape(&self) -> Shape {
        Shape { states: self.n, params: 0, outputs: self.n }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: T, u: &[T], _: &[T], out: &mut [T], _: &mut [T]) {
        out.fill(T::ZERO);
        for (column, u) in self.jacobian.starts.windows(2).zip(u) {
            for at in column[0]..column[1] {
                out[self.jacobian.rows[at] as usize] += self.jacobian.values[at] * *u;
            }
        }
    }
    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        self.eval(at.t, along.u, along.p, dout, scratch);
    }
    fn vjp(&self, _: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, _: &mut [T]) {
        for j in 0..self.n {
            for at in self.jacobian.starts[j]..self.jacobian.starts[j + 1] {
                grad.u[j] += self.jacobian.values[at] * w[self.jacobian.rows[at] as usize];
            }
        }
    }
    fn structure(&self) -> Structure<'_, T> {
        Structure {
            jacobian: if self.hidden { None } else { Some(&self.jacobian) },
            mass: self.mass.as_ref().map(|mass| mass as &dyn MatrixKernel<T>),
            ..Structure::default()
        }
    }
}
