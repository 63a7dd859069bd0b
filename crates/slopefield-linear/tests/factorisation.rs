//! Iteration matrices of every storage, in every number type, against plain dense arithmetic.
#![allow(clippy::unwrap_used, reason = "also in the functions that the tests share")]

mod common;

use common::{Generator, LinearSystem};
use slopefield_linear::{Field, IterationMatrix, Jacobian, Mass, MatrixStorage, Real};

/// `W = a M − b J`, its factors, and the residuals of solutions with it.
struct Case<T: Real> {
    jacobian: Jacobian<T>,
    mass: Mass<T>,
}

impl<T: Real> Case<T> {
    fn of(system: &LinearSystem<T>) -> Self {
        let n = system.n;
        let mut jacobian = Jacobian::new();
        jacobian.prepare(system);
        jacobian.evaluate(system, 0.0, &vec![T::ZERO; n], &[]);
        let mut mass = Mass::new();
        mass.evaluate(system, 0.0, &vec![T::ZERO; n], &[]);
        Case { jacobian, mass }
    }
}

/// `a M − b J` densely, by rows.
fn dense<E: Field>(system: &LinearSystem<E::Part>, a: E, b: E) -> Vec<Vec<E>> {
    (0..system.n)
        .map(|i| {
            (0..system.n)
                .map(|j| a.times(system.mass_entry(i, j)) - b.times(system.jacobian_entry(i, j)))
                .collect()
        })
        .collect()
}

/// Largest entry of `W x − r`, and of `|W| |x|`.
fn residual<E: Field>(w: &[Vec<E>], x: &[E], r: &[E], transposed: bool) -> (f64, f64) {
    let n = x.len();
    let (mut worst, mut scale) = (0.0_f64, 0.0_f64);
    for i in 0..n {
        let (mut sum, mut sizes) = (-r[i], 0.0);
        for j in 0..n {
            let entry = if transposed { w[j][i] } else { w[i][j] };
            sum += entry * x[j];
            sizes += (entry * x[j]).size().f64();
        }
        worst = worst.max(sum.size().f64());
        scale = scale.max(sizes);
    }
    (worst, scale)
}

#[track_caller]
fn check<E: Field>(system: &LinearSystem<E::Part>, a: E, b: E, storage: MatrixStorage) {
    let case = Case::of(system);
    let mut matrix = IterationMatrix::<E>::new();
    matrix.prepare(&case.jacobian, &case.mass);
    assert_eq!(matrix.storage(), storage, "{} states", system.n);
    // Twice: sparse factors with pivots chosen, then kept.
    for _ in 0..2 {
        matrix.factor(a, b, &case.jacobian, &case.mass).unwrap();
        let w = dense(system, a, b);
        let mut generator = Generator(7);
        let r: Vec<E> = (0..system.n).map(|_| a.times(E::Part::of(generator.number()))).collect();
        let allowed = 50.0 * E::Part::EPSILON * (system.n as f64).sqrt();
        let mut x = r.clone();
        matrix.solve(&mut x);
        let (worst, scale) = residual(&w, &x, &r, false);
        assert!(worst < allowed * scale, "{} states: {worst:e} of {scale:e}", system.n);
        let mut x = r.clone();
        matrix.solve_transposed(&mut x);
        let (worst, scale) = residual(&w, &x, &r, true);
        assert!(worst < allowed * scale, "{} states, transposed: {worst:e}", system.n);
    }
}

#[track_caller]
fn check_all_types(n: usize, density: f64, dense: bool, mass: bool, storage: MatrixStorage) {
    let double = LinearSystem::<f64>::random(n, density, dense, mass);
    check::<f64>(&double, 1.7, 0.8, storage);
    check(&double, f64::complex(1.7, -2.3), f64::complex(1.0, 0.2), storage);
    let single = LinearSystem::<f32>::random(n, density, dense, mass);
    check::<f32>(&single, 1.7, 0.8, storage);
    check(&single, f32::complex(1.7, -2.3), f32::complex(1.0, 0.2), storage);
}

#[test]
fn small_matrices() {
    for n in 1..=8 {
        check_all_types(n, 1.0, true, false, MatrixStorage::Small);
        check_all_types(n, 0.8, false, true, MatrixStorage::Small);
    }
    check_all_types(20, 1.0, true, true, MatrixStorage::Small);
}

#[test]
fn dense_matrices() {
    check_all_types(40, 1.0, true, true, MatrixStorage::Dense);
    check_all_types(97, 0.7, false, false, MatrixStorage::Dense);
}

#[test]
fn sparse_matrices() {
    for n in [20, 33, 60, 150] {
        check_all_types(n, 1.5 / n as f64, false, false, MatrixStorage::Sparse);
        check_all_types(n, 2.0 / n as f64, false, true, MatrixStorage::Sparse);
    }
}

/// The arrow, which fills in completely unless its tip comes last, anywhere in the matrix.
#[test]
fn arrows_stay_sparse() {
    let n = 300;
    for tip in [0, 17, n - 1] {
        let mut system = LinearSystem::<f64>::empty(n);
        for i in 0..n {
            system.set(i, i, -4.0 - i as f64);
            system.set(i, tip, 1.0);
            system.set(tip, i, 0.5);
        }
        check(&system, 1.0, 1.0, MatrixStorage::Sparse);
        let case = Case::of(&system);
        let mut matrix = IterationMatrix::<f64>::new();
        matrix.prepare(&case.jacobian, &case.mass);
        matrix.factor(1.0, 1.0, &case.jacobian, &case.mass).unwrap();
        assert!(matrix.operations() < 3 * n, "tip {tip}: {}", matrix.operations());
    }
}

/// `a I − J` of the second difference on a line has a known inverse: Green's function.
#[test]
fn a_known_inverse() {
    let n = 120;
    let mut system = LinearSystem::<f64>::empty(n);
    for i in 0..n {
        system.set(i, i, -2.0);
        if i > 0 {
            system.set(i, i - 1, 1.0);
            system.set(i - 1, i, 1.0);
        }
    }
    let case = Case::of(&system);
    let mut matrix = IterationMatrix::<f64>::new();
    matrix.prepare(&case.jacobian, &case.mass);
    // −J alone: (−J)⁻¹_ij = min(i, j) (n + 1 − max(i, j)) / (n + 1), counted from 1.
    matrix.factor(0.0, 1.0, &case.jacobian, &case.mass).unwrap();
    for j in [0, 31, n - 1] {
        let mut x = vec![0.0; n];
        x[j] = 1.0;
        matrix.solve(&mut x);
        for (i, x) in x.iter().enumerate() {
            let (low, high) = (i.min(j) + 1, i.max(j) + 1);
            let exact = (low * (n + 1 - high)) as f64 / (n + 1) as f64;
            assert!((x - exact).abs() < 1e-11, "({i}, {j}): {x} and not {exact}");
        }
    }
}

/// Weights that change by many orders of magnitude make kept pivots weak; new ones are chosen.
#[test]
fn pivots_follow_the_numbers() {
    let n = 40;
    let mut generator = Generator(3);
    let mut system = LinearSystem::<f64>::random(n, 2.0 / n as f64, false, false);
    let mut case = Case::of(&system);
    let mut matrix = IterationMatrix::<f64>::new();
    matrix.prepare(&case.jacobian, &case.mass);
    matrix.factor(1e3, 1.0, &case.jacobian, &case.mass).unwrap();
    for _ in 0..20 {
        system.rescale(|| 10.0_f64.powf(8.0 * generator.number()));
        case.jacobian.evaluate(&system, 0.0, &vec![0.0; n], &[]);
        matrix.factor(1e-6, 1.0, &case.jacobian, &case.mass).unwrap();
        let w = dense(&system, 1e-6, 1.0);
        let r: Vec<f64> = (0..n).map(|_| generator.number()).collect();
        let mut x = r.clone();
        matrix.solve(&mut x);
        let (worst, scale) = residual(&w, &x, &r, false);
        assert!(worst < 1e-12 * scale, "{worst:e} of {scale:e}");
    }
}

/// An algebraic variable has no diagonal entry in its equation; pivots must leave the diagonal.
#[test]
fn zeros_on_the_diagonal() {
    for n in [4, 12, 64] {
        let mut system = LinearSystem::<f64>::empty(n);
        for i in 0..n {
            // Pairs: x' = −x + z, 0 = x − …, with z in no algebraic equation but its neighbour's.
            system.set(i, (i + 1) % n, 1.0 + i as f64);
            system.set(i, (i + n - 1) % n, 0.25);
        }
        system.without_mass();
        let storage = if n == 4 { MatrixStorage::Small } else { MatrixStorage::Sparse };
        check(&system, 1.0, 1.0, storage);
    }
}

#[test]
fn singular_and_non_finite_matrices_are_refused() {
    for (n, density, dense) in [
        (1, 1.0, true),
        (3, 1.0, true),
        (4, 1.0, true),
        (17, 1.0, true),
        (50, 1.0, true),
        (30, 0.06, false),
    ] {
        let refused = |system: &LinearSystem<f64>| {
            let case = Case::of(system);
            let mut matrix = IterationMatrix::<f64>::new();
            matrix.prepare(&case.jacobian, &case.mass);
            matrix.factor(0.0, 1.0, &case.jacobian, &case.mass).is_err()
        };
        let good = LinearSystem::<f64>::random(n, density, dense, false);
        assert!(!refused(&good), "{n}");
        let mut bad = good.clone();
        bad.set(n / 2, n / 2, f64::NAN);
        assert!(refused(&bad), "NaN, {n}");
        bad.set(n / 2, n / 2, f64::INFINITY);
        assert!(refused(&bad), "infinity, {n}");
        let mut zero_column = good.clone();
        for i in 0..n {
            if zero_column.jacobian_entry(i, n / 2) != 0.0 {
                zero_column.set(i, n / 2, 0.0);
            }
        }
        assert!(refused(&zero_column), "zero column, {n}");
        if n > 1 {
            // One row is a combination of others, which elimination finds but for rounding.
            let mut dependent = good.clone();
            for j in 0..n {
                let mixed = 0.5 * good.jacobian_entry(1, j) + 2.0 * good.jacobian_entry(n - 1, j);
                dependent.set(0, j, mixed);
            }
            assert!(refused(&dependent), "dependent rows, {n}");
        }
    }
}

/// A matrix of full rank is not taken for singular because its rows differ in size.
#[test]
fn badly_scaled_rows_are_no_reason_to_refuse() {
    for n in [3, 10, 40] {
        let mut system = LinearSystem::<f64>::empty(n);
        for i in 0..n {
            for j in i..n {
                system.set(i, j, 10.0_f64.powi(-(7 * i as i32) % 100) * (1.0 + (i + j) as f64));
            }
        }
        let case = Case::of(&system);
        let mut matrix = IterationMatrix::<f64>::new();
        matrix.prepare(&case.jacobian, &case.mass);
        matrix.factor(0.0, 1.0, &case.jacobian, &case.mass).unwrap();
    }
}

/// A chain of stiff links that keep their length: forces between neighbours and, as algebraic
/// variables, tensions. Bounds of rounding errors grow along it by orders of magnitude where the errors
/// themselves do not.
#[test]
fn long_chains_of_eliminations_are_no_reason_to_refuse() {
    let (points, stiffness, length, tension) = (21_usize, 21.0_f64.powi(4), 0.05, 13_440.0);
    let links = points - 1;
    let n = points + links;
    // Second differences inside; their own second differences are the forces of bending.
    let bend = |i: usize, j: usize| match j.abs_diff(i) {
        _ if i == 0 || i == points - 1 => 0.0,
        0 => -2.0,
        1 => 1.0,
        _ => 0.0,
    };
    let link = |i: usize, j: usize| f64::from(i8::from(j == i + 1) - i8::from(j == i));
    let force = |i: usize, j: usize| {
        let bending: f64 = (0..points).map(|k| bend(k, i) * bend(k, j)).sum();
        let pulling: f64 = (0..links).map(|k| link(k, i) * link(k, j)).sum();
        -stiffness * bending - tension * pulling
    };
    let mut system = LinearSystem::<f64>::empty(n);
    let mut set = |i: usize, j: usize, value: f64| {
        if value != 0.0 {
            system.set(i, j, value);
        }
    };
    for i in 0..points {
        (0..points).for_each(|j| set(i, j, force(i, j)));
        (0..links).for_each(|k| set(i, points + k, -length * link(k, i)));
    }
    for k in 0..links {
        for j in 0..points {
            let rate: f64 = (0..points).map(|i| link(k, i) * force(i, j)).sum();
            set(points + k, j, length * rate);
        }
        for l in 0..links {
            let rate: f64 = (0..points).map(|i| link(k, i) * link(l, i)).sum();
            set(points + k, points + l, -length * length * rate);
        }
    }
    let mut case = Case::of(&system);
    for step in [1e-8, 1e-6, 1e-4, 1e-2] {
        let mut shifted = system.clone();
        (0..points).for_each(|i| shifted.set(i, i, force(i, i) - 1.0 / step));
        case.jacobian.evaluate(&shifted, 0.0, &vec![0.0; n], &[]);
        let mut matrix = IterationMatrix::<f64>::new();
        matrix.prepare(&case.jacobian, &case.mass);
        assert_eq!(matrix.storage(), MatrixStorage::Sparse);
        matrix.factor(0.0, 1.0, &case.jacobian, &case.mass).unwrap();
        let w = dense(&shifted, 0.0, 1.0);
        let mut generator = Generator(11);
        let r: Vec<f64> = (0..n).map(|_| generator.number()).collect();
        let mut x = r.clone();
        matrix.solve(&mut x);
        let (worst, scale) = residual(&w, &x, &r, false);
        assert!(worst < 1e-12 * scale, "step {step}: {worst:e} of {scale:e}");
    }
}
