//! Numbers of a reverse pass with their changes along a direction.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A number and its change.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Dual {
    pub v: f64,
    pub d: f64,
}

/// A number that does not change.
pub(super) fn fixed(v: f64) -> Dual {
    Dual { v, d: 0.0 }
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, o: Dual) -> Dual {
        Dual { v: self.v + o.v, d: self.d + o.d }
    }
}

impl Sub for Dual {
    type Output = Dual;
    fn sub(self, o: Dual) -> Dual {
        Dual { v: self.v - o.v, d: self.d - o.d }
    }
}

impl Mul for Dual {
    type Output = Dual;
    fn mul(self, o: Dual) -> Dual {
        Dual { v: self.v * o.v, d: self.d * o.v + self.v * o.d }
    }
}

impl Div for Dual {
    type Output = Dual;
    fn div(self, o: Dual) -> Dual {
        let v = self.v / o.v;
        Dual { v, d: (self.d - v * o.d) / o.v }
    }
}

impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual { v: -self.v, d: -self.d }
    }
}

impl AddAssign for Dual {
    fn add_assign(&mut self, o: Dual) {
        *self = *self + o;
    }
}

impl SubAssign for Dual {
    fn sub_assign(&mut self, o: Dual) {
        *self = *self - o;
    }
}

/// Vectors and their changes, perhaps row by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Pair {
    pub v: Vec<f64>,
    pub d: Vec<f64>,
}

impl Pair {
    pub fn zeros(len: usize) -> Self {
        Pair { v: vec![0.0; len], d: vec![0.0; len] }
    }

    pub fn clear(&mut self) {
        self.v.fill(0.0);
        self.d.fill(0.0);
    }

    pub fn is_zero(&self) -> bool {
        self.v.iter().chain(&self.d).all(|x| *x == 0.0)
    }

    /// Adds `factor · x` from `first` on.
    pub fn add(&mut self, first: usize, factor: Dual, x: (&[f64], &[f64])) {
        for (i, (v, d)) in x.0.iter().zip(x.1).enumerate() {
            let sum = factor * Dual { v: *v, d: *d };
            self.v[first + i] += sum.v;
            self.d[first + i] += sum.d;
        }
    }

    pub fn both(&self) -> (&[f64], &[f64]) {
        (&self.v, &self.d)
    }
}

/// The product of two vectors.
pub(super) fn product(a: (&[f64], &[f64]), b: (&[f64], &[f64])) -> Dual {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    Dual { v: dot(a.0, b.0), d: dot(a.1, b.0) + dot(a.0, b.1) }
}
