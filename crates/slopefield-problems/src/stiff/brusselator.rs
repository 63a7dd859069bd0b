//! The Brusselator with diffusion on a line and on a torus.
//!
//! R. Lefever, G. Nicolis, *Chemical instabilities and sustained oscillations*, J. Theor. Biology
//! 30 (1971) 267, doi:10.1016/0022-5193(71)90054-3; E. Hairer, G. Wanner, *Solving Ordinary
//! Differential Equations II*, 2nd edition, Springer 1996, section IV.10.

use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{Class, model};
use crate::system::Equations;
use slopefield_kernel::Shape;
use std::f64::consts::TAU;

/// One space dimension; all `u`, then all `v`.
#[derive(Debug, Clone, Copy)]
struct Line {
    points: usize,
    /// Whether the line is closed to a ring; otherwise its ends are held at `(1, 3)`.
    ring: bool,
    /// `1/Δx²`.
    scale: f64,
}

impl Line {
    #[inline(always)]
    fn laplace<N: Number>(&self, w: impl Fn(usize) -> N, edge: f64, i: usize) -> N {
        let last = self.points - 1;
        let left = match i {
            0 if self.ring => w(last),
            0 => N::of(edge),
            _ => w(i - 1),
        };
        let right = match i {
            _ if i < last => w(i + 1),
            _ if self.ring => w(0),
            _ => N::of(edge),
        };
        left - w(i) * 2.0 + right
    }
}

impl Function for Line {
    fn shape(&self) -> Shape {
        Shape { states: 2 * self.points, params: 3, outputs: 2 * self.points }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        _: N,
        x: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let n = self.points;
        let (a, b, diffusion) = (p(0), p(1), p(2) * self.scale);
        for i in 0..n {
            let (u, v) = (x(i), x(n + i));
            let reaction = u.square() * v;
            let (du, dv) = (self.laplace(&x, 1.0, i), self.laplace(|j| x(n + j), 3.0, i));
            out(i, a + reaction - (b + 1.0) * u + diffusion * du);
            out(n + i, b * u - reaction + diffusion * dv);
        }
    }
}

impl Equations for Line {}

/// Source of the references on a line.
const EXTRAPOLATED: &str = "Extrapolation of the linearly implicit Euler method, order 9, at tolerances of 1e-12; it agrees \
     with 1e-10";

/// Source of the reference on the torus.
const CVODE: &str = "CVODE 6.4, BDF with KLU at tolerances of 3e-13; at 1e-12 it differs by 2e-8";

const LINE_PARAMETERS: [f64; 3] = [1.0, 3.0, 0.02];

/// `u_t = A + u²v − (B + 1)u + α u_xx`, `v_t = Bu − u²v + α v_xx` on a ring of 40 points,
/// parameters `(A, B, α) = (1, 3, 0.02)`. The ring joins points that lie on both ends of the
/// interval, and takes 1/40 for their distance, as public benchmarks do.
pub fn brusselator_1d() -> Problem {
    let points = 40;
    let place = |i: usize| i as f64 / (points - 1) as f64;
    let mut u0: Vec<f64> = (0..points).map(|i| 1.0 + (TAU * place(i)).sin()).collect();
    u0.resize(2 * points, 3.0);
    Problem::new(
        ("brusselator-1d", "Brusselator on a ring of 40 points"),
        Class::Stiff,
        Line { points, ring: true, scale: (points * points) as f64 },
        (0.0, 10.0),
        u0,
        LINE_PARAMETERS.to_vec(),
    )
    .known_from(10.0, include_str!("../../references/brusselator_1d.txt"), 1e-10, EXTRAPOLATED)
    .with_text(model!("brusselator_1d"))
}

/// The same on a line of 100 inner points, 200 states, with its ends held at `u = 1`, `v = 3`.
pub fn brusselator_1d_200() -> Problem {
    let points = 100;
    let h = 1.0 / (points + 1) as f64;
    let mut u0: Vec<f64> = (1..=points).map(|i| 1.0 + (TAU * (i as f64 * h)).sin()).collect();
    u0.resize(2 * points, 3.0);
    Problem::new(
        ("brusselator-1d-200", "Brusselator on a line of 100 points"),
        Class::Stiff,
        Line { points, ring: false, scale: ((points + 1) * (points + 1)) as f64 },
        (0.0, 10.0),
        u0,
        LINE_PARAMETERS.to_vec(),
    )
    .known_from(10.0, include_str!("../../references/brusselator_1d_200.txt"), 1e-10, EXTRAPOLATED)
    .with_text(model!("brusselator_1d_200"))
}

/// Two space dimensions with periodic edges; all `u` row by row, then all `v`.
#[derive(Debug, Clone, Copy)]
struct Torus {
    side: usize,
}

impl Torus {
    fn place(self, i: usize) -> f64 {
        i as f64 / (self.side - 1) as f64
    }

    #[inline(always)]
    fn laplace<N: Number>(self, w: impl Fn(usize) -> N, i: usize, j: usize) -> N {
        let n = self.side;
        let at = |i: usize, j: usize| w(i * n + j);
        let before = |i: usize| if i == 0 { n - 1 } else { i - 1 };
        let after = |i: usize| if i + 1 == n { 0 } else { i + 1 };
        at(before(i), j) + at(after(i), j) + at(i, before(j)) + at(i, after(j)) - at(i, j) * 4.0
    }
}

impl Function for Torus {
    fn shape(&self) -> Shape {
        let states = 2 * self.side * self.side;
        Shape { states, params: 1, outputs: states }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        t: N,
        x: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let (n, last) = (self.side, (self.side - 1) as f64);
        let points = n * n;
        let diffusion = p(0) * (last * last);
        let feed = N::choose(t - 1.1, N::of(5.0), N::of(0.0));
        for i in 0..n {
            let from_centre = (self.place(i) - 0.3).powi(2);
            for j in 0..n {
                let k = i * n + j;
                let (u, v) = (x(k), x(points + k));
                let reaction = u.square() * v;
                let fed = from_centre + (self.place(j) - 0.6).powi(2) <= 0.01;
                let rest = diffusion * self.laplace(&x, i, j) - u * 4.4 + 1.0;
                let du = reaction + rest;
                out(k, if fed { du + feed } else { du });
                let dv = u * 3.4 - reaction;
                out(points + k, dv + diffusion * self.laplace(|k| x(points + k), i, j));
            }
        }
    }
}

impl Equations for Torus {}

/// `u_t = 1 + u²v − 4.4u + α Δu + f`, `v_t = 3.4u − u²v + α Δv` on a torus of `side × side`
/// points, parameter α = 10, to t = 11.5. From t = 1.1 on, `u` is fed at rate 5 in a disc. Its
/// start is `u = 22 (y(1 − y))^1.5`, `v = 27 (x(1 − x))^1.5`; public texts omit the bracket.
///
/// # Panics
/// For fewer than 3 points.
pub fn brusselator_2d(side: usize) -> Problem {
    assert!(side >= 3, "a torus needs three points in each direction");
    let torus = Torus { side };
    let profile = |s: f64| (s * (1.0 - s)).powf(1.5);
    let points = side * side;
    let mut u0: Vec<f64> = (0..points).map(|k| 22.0 * profile(torus.place(k % side))).collect();
    u0.extend((0..points).map(|k| 27.0 * profile(torus.place(k / side))));
    let problem = Problem::new(
        ("brusselator-2d", "Brusselator on a torus"),
        Class::Stiff,
        torus,
        (0.0, 11.5),
        u0,
        vec![10.0],
    );
    let problem = problem.with_break(1.1);
    if side != 32 {
        return problem;
    }
    problem
        .known_from(11.5, include_str!("../../references/brusselator_2d.txt"), 2e-8, CVODE)
        .with_text(model!("brusselator_2d"))
}
