//! Reaction and diffusion on a line, split and whole, in either precision.

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Split, Structure, Tangent};
use slopefield_problems::{Equations, Float, Function, Number, System};

/// Linear terms with constant coefficients in `n` states.
#[derive(Clone)]
pub struct Linear {
    pub n: usize,
    /// For each entry its offset from the diagonal and its value.
    pub stencil: Vec<(i64, f64)>,
    /// Whether the ends are neighbours; otherwise states beyond them are 0.
    pub periodic: bool,
}

impl Linear {
    /// Diffusion on `n` points at a distance `dx`.
    pub fn diffusion(n: usize, coefficient: f64, dx: f64, periodic: bool) -> Self {
        let side = coefficient / (dx * dx);
        Linear { n, stencil: vec![(-1, side), (0, -2.0 * side), (1, side)], periodic }
    }

    fn neighbour(&self, i: usize, offset: i64) -> Option<usize> {
        let (j, n) = (i as i64 + offset, self.n as i64);
        if self.periodic {
            Some(j.rem_euclid(n) as usize)
        } else {
            usize::try_from(j).ok().filter(|j| *j < self.n)
        }
    }
}

impl Function for Linear {
    fn shape(&self) -> Shape {
        Shape { states: self.n, params: 0, outputs: self.n }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        for i in 0..self.n {
            let mut sum = u(i) * 0.0;
            for (offset, value) in &self.stencil {
                if let Some(j) = self.neighbour(i, *offset) {
                    sum = sum + u(j) * *value;
                }
            }
            out(i, sum);
        }
    }
}

impl Equations for Linear {}

/// What is not linear.
#[derive(Clone, Copy)]
pub enum Reaction {
    /// Nothing.
    None,
    /// `u − u³` (Allen, Cahn).
    Cubic,
    /// `−(u²)'/2` by central differences at a distance (Kuramoto, Sivashinsky).
    Transport(f64),
}

#[derive(Clone, Copy)]
pub struct Rest {
    pub n: usize,
    pub reaction: Reaction,
}

impl Function for Rest {
    fn shape(&self) -> Shape {
        Shape { states: self.n, params: 0, outputs: self.n }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let n = self.n;
        for i in 0..n {
            match self.reaction {
                Reaction::None => out(i, u(i) * 0.0),
                Reaction::Cubic => out(i, u(i) - u(i) * u(i) * u(i)),
                Reaction::Transport(dx) => {
                    let (left, right) = (u((i + n - 1) % n), u((i + 1) % n));
                    out(i, (left * left - right * right) * (0.25 / dx));
                }
            }
        }
    }
}

impl Equations for Rest {}

/// Both together, with or without the knowledge that they are two.
pub struct Semilinear<T = f64> {
    pub stiff: System<Linear, T>,
    pub rest: System<Rest, T>,
    pub n: usize,
    pub split: bool,
    pub linear: bool,
}

impl<T: Float> Semilinear<T> {
    pub fn new(linear: Linear, reaction: Reaction) -> Self {
        let n = linear.n;
        let rest = System::new(Rest { n, reaction });
        Semilinear { stiff: System::new(linear), rest, n, split: true, linear: true }
    }
}

impl<T: Float> Kernel<T> for Semilinear<T> {
    fn shape(&self) -> Shape {
        Shape { states: self.n, params: 0, outputs: self.n }
    }
    fn scratch_len(&self) -> usize {
        2 * self.n
    }
    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        self.stiff.eval(t, u, p, out, &mut []);
        self.rest.eval(t, u, p, &mut scratch[..self.n], &mut []);
        for (sum, part) in out.iter_mut().zip(scratch) {
            *sum = *sum + *part;
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
        self.stiff.jvp(at, along, out, dout, &mut []);
        let (value, product) = scratch.split_at_mut(self.n);
        self.rest.jvp(at, along, value, &mut product[..self.n], &mut []);
        for i in 0..self.n {
            out[i] = out[i] + value[i];
            dout[i] = dout[i] + product[i];
        }
    }
    fn vjp(&self, _: Point<'_, T>, _: &[T], _: Cotangent<'_, T>, _: &mut [T]) {
        unreachable!("solvers do not reverse");
    }
    fn structure(&self) -> Structure<'_, T> {
        let mut structure = Structure::default();
        if self.split {
            structure.split =
                Some(Split { stiff: &self.stiff, rest: &self.rest, linear: self.linear });
        }
        structure
    }
}
