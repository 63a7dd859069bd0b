//! Order conditions of the tables, and weak orders without sampling.

use super::dri1::Dri1;
use super::euler::{EulerHeun, EulerMaruyama};
use super::milstein::{ImplicitMilstein, Milstein};
use super::scheme::{From, Scheme, Trial};
use super::splitting::Splitting;
use super::sra::{SOSRA, SRA1, Sra};
use super::sri::{SOSRI, SRIW1, STAGES, Sri};
use super::system::{System, Work};
use slopefield_kernel::{Calculus, Cotangent, Kernel, Noise, NoiseKind, Point, Shape, Tangent};
use slopefield_solve::Ivp;

/// The conditions for strong order 3/2 of Rößler (2010), theorem 5.2.
#[test]
fn sri_tables_satisfy_the_order_conditions() {
    for table in [&SRIW1, &SOSRI] {
        let sum = |v: [f64; STAGES]| v.iter().sum::<f64>();
        let dot = |a: [f64; STAGES], b: [f64; STAGES]| sum([0, 1, 2, 3].map(|i| a[i] * b[i]));
        let times =
            |m: &[[f64; STAGES]; STAGES], v: [f64; STAGES]| [0, 1, 2, 3].map(|i| dot(m[i], v));
        let square = |v: [f64; STAGES]| v.map(|x| x * x);
        let e = [1.0; STAGES];
        let (a0, a1) = (times(&table.a0, e), times(&table.a1, e));
        let (b0, b1) = (times(&table.b0, e), times(&table.b1, e));
        let [beta1, beta2, beta3, beta4] = table.beta;
        let conditions = [
            (sum(table.alpha), 1.0),
            (sum(beta1), 1.0),
            (sum(beta2), 0.0),
            (sum(beta3), 0.0),
            (sum(beta4), 0.0),
            (dot(beta1, b1), 0.0),
            (dot(beta2, b1), 1.0),
            (dot(beta3, b1), 0.0),
            (dot(beta4, b1), 0.0),
            (dot(table.alpha, a0), 0.5),
            (dot(table.alpha, b0), 1.0),
            (dot(table.alpha, square(b0)), 1.5),
            (dot(beta1, a1), 1.0),
            (dot(beta2, a1), 0.0),
            (dot(beta3, a1), -1.0),
            (dot(beta4, a1), 0.0),
            (dot(beta1, square(b1)), 1.0),
            (dot(beta2, square(b1)), 0.0),
            (dot(beta3, square(b1)), -1.0),
            (dot(beta4, square(b1)), 2.0),
            (dot(beta1, times(&table.b1, b1)), 0.0),
            (dot(beta2, times(&table.b1, b1)), 0.0),
            (dot(beta3, times(&table.b1, b1)), 0.0),
            (dot(beta4, times(&table.b1, b1)), 1.0),
            (0.5 * dot(beta1, times(&table.a1, b0)) + dot(beta3, times(&table.a1, b0)) / 3.0, 0.0),
        ];
        for (i, (found, wanted)) in conditions.into_iter().enumerate() {
            assert!((found - wanted).abs() < 1e-13, "{}: condition {i}: {found}", table.id);
        }
        for i in 0..STAGES {
            assert!((a0[i] - table.c0[i]).abs() < 1e-14, "{}: c0 {i}", table.id);
            assert!((a1[i] - table.c1[i]).abs() < 1e-14, "{}: c1 {i}", table.id);
        }
    }
}

/// The conditions for strong order 3/2 of Rößler (2010), theorem 5.1.
#[test]
fn sra_tables_satisfy_the_order_conditions() {
    for table in [&SRA1, &SOSRA] {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let rows = |m: &[&[f64]]| m.iter().map(|row| row.iter().sum()).collect::<Vec<f64>>();
        let (a0, b0) = (rows(table.a0), rows(table.b0));
        let squares: Vec<f64> = b0.iter().map(|x| x * x).collect();
        let ones = vec![1.0; a0.len()];
        let conditions = [
            (dot(table.alpha, &ones), 1.0),
            (dot(table.beta1, &ones), 1.0),
            (dot(table.beta2, &ones), 0.0),
            (dot(table.alpha, &b0), 1.0),
            (dot(table.alpha, &a0), 0.5),
            (dot(table.alpha, &squares), 1.5),
            (dot(table.beta1, table.c1), 1.0),
            (dot(table.beta2, table.c1), -1.0),
        ];
        for (i, (found, wanted)) in conditions.into_iter().enumerate() {
            assert!((found - wanted).abs() < 1e-13, "{}: condition {i}: {found}", table.id);
        }
        for (i, c) in table.c0.iter().enumerate() {
            assert!((a0[i] - c).abs() < 1e-14, "{}: c0 {i}", table.id);
        }
    }
}

/// A linear function of the state, given by matrices for the columns of its result.
struct Linear<'a>(&'a [[[f64; 2]; 2]], usize);

impl Linear<'_> {
    fn apply(&self, u: &[f64], out: &mut [f64]) {
        for (matrix, out) in self.0.iter().zip(out.chunks_exact_mut(self.1)) {
            for (row, out) in matrix.iter().zip(out) {
                *out = row.iter().zip(u).map(|(a, u)| a * u).sum();
            }
        }
    }
}

impl Kernel for Linear<'_> {
    fn shape(&self) -> Shape {
        Shape { states: self.1, params: 0, outputs: self.1 * self.0.len() }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        self.apply(u, out);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        _: &mut [f64],
    ) {
        self.apply(at.u, out);
        self.apply(along.u, dout);
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unimplemented!("no test needs gradients")
    }
}

/// Nodes and weights of Gauss–Hermite quadrature for a standard normal number, exact for
/// polynomials up to degree 9 (Abramowitz & Stegun, table 25.10, scaled by √2 and 1/√π).
const NODES: [(f64, f64); 5] = [
    (-2.856_970_013_872_805_7, 0.011_257_411_327_720_69),
    (-1.355_626_179_974_265_8, 0.222_075_922_005_612_6),
    (0.0, 0.533_333_333_333_333_3),
    (1.355_626_179_974_265_8, 0.222_075_922_005_612_6),
    (2.856_970_013_872_805_7, 0.011_257_411_327_720_69),
];

/// Mean of `u uᵀ` after a step of length `h`, as a matrix on `u uᵀ` before it: integrated exactly
/// over the random numbers of a step on a linear system.
fn second_moment_step(
    scheme: &mut dyn Scheme<f64>,
    drift: &Linear<'_>,
    noise: &Noise<'_>,
    h: f64,
) -> Vec<Vec<f64>> {
    let n = drift.1;
    let u0 = vec![0.0; n];
    let ivp = Ivp { rhs: drift, t0: 0.0, t1: 1.0, u0: &u0, p: &[] };
    let mut work = Work::default();
    work.configure(&ivp, noise, scheme.calculus(noise.calculus));
    scheme.resize(n, noise.coefficients.shape().outputs);
    let m = noise.sources;
    let mut total = vec![vec![0.0; n * n]; n * n];
    let mut error = vec![0.0; n];
    // Two numbers a source: increment and area.
    for index in 0..5usize.pow(2 * m as u32) {
        let digit = |k: u32| NODES[index / 5usize.pow(k) % 5];
        let mut weight = 1.0;
        let (mut w, mut area) = (vec![0.0; m], vec![0.0; m]);
        for j in 0..m {
            let ((x, a), (y, b)) = (digit(2 * j as u32), digit(2 * j as u32 + 1));
            weight *= a * b;
            w[j] = h.sqrt() * x;
            // The middle node has no sign; a hair of one, and its mirror image below.
            area[j] = (h / 12.0).sqrt() * y;
        }
        for sign in [1.0, -1.0] {
            let area: Vec<f64> =
                area.iter().map(|a| if *a == 0.0 { sign * 1e-200 } else { *a }).collect();
            let mut columns = vec![vec![0.0; n]; n];
            for (j, end) in columns.iter_mut().enumerate() {
                let mut u = vec![0.0; n];
                u[j] = 1.0;
                let trial = Trial {
                    t: 0.0,
                    t_new: h,
                    h,
                    w: &w,
                    area: &area,
                    from: From::Fresh,
                    measure: false,
                };
                let mut system = System { ivp: &ivp, noise, work: &mut work };
                scheme.attempt(&mut system, &trial, &u, end, &mut error);
            }
            for i in 0..n * n {
                for j in 0..n * n {
                    let product = columns[j / n][i / n] * columns[j % n][i % n];
                    total[i][j] += 0.5 * weight * product;
                }
            }
        }
    }
    total
}

/// Error of the second moments at time 1 against `exp` of the generator.
fn weak_errors(
    scheme: &mut dyn Scheme<f64>,
    n: usize,
    drift: [[f64; 2]; 2],
    noise: &[[[f64; 2]; 2]],
    kind: NoiseKind,
    start: &[f64],
) -> Vec<(f64, f64)> {
    let drift_matrices = [drift];
    let (drift_kernel, noise_kernel) = (Linear(&drift_matrices, n), Linear(noise, n));
    let described = Noise {
        coefficients: &noise_kernel,
        sources: noise.len(),
        kind,
        calculus: Calculus::Ito,
        hessian: None,
    };
    let apply = |matrix: &[Vec<f64>], v: &[f64]| -> Vec<f64> {
        matrix.iter().map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect()
    };
    // d/dt E[u uᵀ] = A P + P Aᵀ + Σ B P Bᵀ.
    let mut generator = vec![vec![0.0; n * n]; n * n];
    for i in 0..n * n {
        for j in 0..n * n {
            let same = |a: usize, b: usize| if a == b { 1.0 } else { 0.0 };
            generator[i][j] = drift[i / n][j / n] * same(i % n, j % n)
                + same(i / n, j / n) * drift[i % n][j % n]
                + noise.iter().map(|b| b[i / n][j / n] * b[i % n][j % n]).sum::<f64>();
        }
    }
    let mut exact = start.to_vec();
    let mut term = start.to_vec();
    for k in 1..40 {
        term = apply(&generator, &term).iter().map(|x| x / f64::from(k)).collect();
        for (exact, term) in exact.iter_mut().zip(&term) {
            *exact += term;
        }
    }
    (6..=9)
        .map(|level| {
            let steps = 1 << level;
            let h = 1.0 / f64::from(steps);
            let step = second_moment_step(scheme, &drift_kernel, &described, h);
            let mut moments = start.to_vec();
            for _ in 0..steps {
                moments = apply(&step, &moments);
            }
            let error = moments.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            (h, error)
        })
        .collect()
}

fn order(points: &[(f64, f64)]) -> f64 {
    let (first, last) = (points[0], points[points.len() - 1]);
    (first.1 / last.1).ln() / (first.0 / last.0).ln()
}

#[test]
fn weak_orders_for_noise_that_does_not_commute() {
    let drift = [[-0.4, 1.3], [-1.1, -0.2]];
    let noise = [[[0.5, 0.2], [0.0, -0.3]], [[0.0, -0.4], [0.6, 0.1]]];
    let start = [1.0, 0.5, 0.5, 0.25];
    let general = NoiseKind::General;
    let cases: [(&mut dyn Scheme<f64>, f64); 3] = [
        (&mut Dri1::default(), 2.0),
        (&mut EulerMaruyama::default(), 1.0),
        (&mut EulerHeun::default(), 1.0),
    ];
    for (scheme, expected) in cases {
        let errors = weak_errors(scheme, 2, drift, &noise, general, &start);
        let found = order(&errors);
        assert!((found - expected).abs() < 0.2, "{}: {found}: {errors:?}", scheme.id());
    }
}

#[test]
fn weak_orders_for_diagonal_noise() {
    let drift = [[1.01, 0.0], [0.0, 0.0]];
    let noise = [[[0.87, 0.0], [0.0, 0.0]]];
    let cases: [(&mut dyn Scheme<f64>, f64); 8] = [
        (&mut Dri1::default(), 2.0),
        (&mut Sri::new(&SRIW1), 2.0),
        (&mut Splitting::default(), 2.0),
        (&mut ImplicitMilstein::default(), 1.0),
        (&mut EulerHeun::default(), 1.0),
        // Its conditions are those of strong order 3/2 alone.
        (&mut Sri::new(&SOSRI), 1.5),
        (&mut EulerMaruyama::default(), 1.0),
        (&mut Milstein::default(), 1.0),
    ];
    for (scheme, expected) in cases {
        let errors = weak_errors(scheme, 1, drift, &noise, NoiseKind::Diagonal, &[0.25]);
        let found = order(&errors);
        assert!((found - expected).abs() < 0.2, "{}: {found}: {errors:?}", scheme.id());
    }
}

/// `dx = (−0.7 x + 0.3) dt + 0.8 dW`, with the constant as a second state.
#[test]
fn weak_orders_for_additive_noise() {
    let drift = [[-0.7, 0.3], [0.0, 0.0]];
    let noise = [[[0.0, 0.8], [0.0, 0.0]]];
    let start = [0.25, 0.5, 0.5, 1.0];
    let cases: [(&mut dyn Scheme<f64>, f64); 4] = [
        (&mut Sra::new(&SRA1), 2.0),
        (&mut Sra::new(&SOSRA), 2.0),
        (&mut Dri1::default(), 2.0),
        (&mut EulerMaruyama::default(), 1.0),
    ];
    for (scheme, expected) in cases {
        let errors = weak_errors(scheme, 2, drift, &noise, NoiseKind::Additive, &start);
        let found = order(&errors);
        assert!((found - expected).abs() < 0.2, "{}: {found}: {errors:?}", scheme.id());
    }
}
