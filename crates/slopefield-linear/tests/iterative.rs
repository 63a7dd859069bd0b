//! GMRES against direct solutions, and coloured Jacobians against entries.
#![allow(clippy::unwrap_used, reason = "also in the functions that the tests share")]

mod common;

use common::{Generator, LinearSystem};
use slopefield_kernel::{Kernel, MatrixPattern};
use slopefield_linear::{
    BlockJacobi, Gmres, IterationMatrix, Jacobian, Mass, Pattern, Real, column_colours,
};

/// Diffusion and coupling of two species on a ring of points, species by species at each point.
fn diffusion<T: Real>(points: usize) -> LinearSystem<T> {
    let n = 2 * points;
    let mut system = LinearSystem::empty(n);
    for point in 0..points {
        let next = (point + 1) % points;
        for species in 0..2 {
            let (here, there) = (2 * point + species, 2 * next + species);
            system.set(here, here, -40.0);
            system.set(here, there, 18.0);
            system.set(there, here, 20.0);
        }
        system.set(2 * point, 2 * point + 1, 300.0);
        system.set(2 * point + 1, 2 * point, -200.0);
    }
    system
}

struct Parts<T: Real> {
    jacobian: Jacobian<T>,
    mass: Mass<T>,
    n: usize,
}

fn parts<T: Real>(system: &LinearSystem<T>) -> Parts<T> {
    let n = system.n;
    let (mut jacobian, mut mass) = (Jacobian::new(), Mass::new());
    jacobian.prepare(system);
    jacobian.evaluate(system, 0.0, &vec![T::ZERO; n], &[]);
    mass.evaluate(system, 0.0, &vec![T::ZERO; n], &[]);
    Parts { jacobian, mass, n }
}

fn numbers<T: Real>(n: usize) -> Vec<T> {
    let mut generator = Generator(5);
    (0..n).map(|_| T::of(generator.number())).collect()
}

#[track_caller]
fn check<T: Real>(restart: usize, block: Option<usize>, tolerance: f64, most: usize) -> usize {
    let system = diffusion::<T>(60);
    let Parts { jacobian, mass, n } = parts(&system);
    let (a, b) = (T::of(30.0), T::ONE);
    let mut direct = IterationMatrix::<T>::new();
    direct.prepare(&jacobian, &mass);
    direct.factor(a, b, &jacobian, &mass).unwrap();
    let r = numbers::<T>(n);
    let mut exact = r.clone();
    direct.solve(&mut exact);
    let mut blocks = BlockJacobi::new(n, block.unwrap_or(1));
    blocks.factor(a, b, &jacobian, &mass).unwrap();
    let mut x = vec![T::ZERO; n];
    let product = |x: &[T], out: &mut [T]| {
        jacobian.multiply(x, out);
        for (out, x) in out.iter_mut().zip(x) {
            *out = a * *x - b * *out;
        }
    };
    let precondition = |x: &mut [T]| {
        if block.is_some() {
            blocks.solve(x);
        }
    };
    let outcome = Gmres::new(n, restart).solve(product, precondition, &r, &mut x, tolerance, most);
    assert!(outcome.converged, "{outcome:?}");
    // The smallest singular value of the matrix is above 20.
    let error = x.iter().zip(&exact).fold(0.0, |e: f64, (x, y)| e.max((*x - *y).f64().abs()));
    assert!(error < tolerance, "{error:e} after {outcome:?}");
    outcome.products
}

#[test]
fn gmres_solves_with_and_without_preconditioner_and_restarts() {
    let plain = check::<f64>(120, None, 1e-10, 400);
    let blocks = check::<f64>(120, Some(2), 1e-10, 400);
    assert!(2 * blocks < plain, "{blocks} with blocks, {plain} without");
    check::<f64>(10, Some(2), 1e-10, 400);
    check::<f32>(30, Some(2), 1e-4, 400);
}

#[test]
fn gmres_needs_no_more_products_than_states_have_eigenvalues() {
    // 1 + rank-one: two steps, a product for the first residual and one for the last.
    let n = 50;
    let v = numbers::<f64>(n);
    let r = vec![1.0; n];
    let mut x = vec![0.0; n];
    let product = |x: &[f64], out: &mut [f64]| {
        let along: f64 = x.iter().zip(&v).map(|(x, v)| x * v).sum();
        for i in 0..n {
            out[i] = x[i] + along * v[i];
        }
    };
    let outcome = Gmres::new(n, 20).solve(product, |_| {}, &r, &mut x, 1e-12, 100);
    assert!(outcome.converged && outcome.products <= 5, "{outcome:?}");
}

#[test]
fn gmres_says_when_it_has_no_solution() {
    // Singular, with a right-hand side out of range; and products that are not finite.
    let r = [1.0, 1.0, 1.0];
    let drop_last = |x: &[f64], out: &mut [f64]| out.copy_from_slice(&[x[0], x[1], 0.0]);
    let mut x = [0.0; 3];
    let outcome = Gmres::new(3, 3).solve(drop_last, |_| {}, &r, &mut x, 1e-10, 50);
    assert!(!outcome.converged && (outcome.residual - 1.0).abs() < 1e-9, "{outcome:?}");
    let mut x = [0.0; 3];
    let nan = |x: &[f64], out: &mut [f64]| out.fill(if x[0] == 0.0 { 0.0 } else { f64::NAN });
    let outcome = Gmres::new(3, 3).solve(nan, |_| {}, &r, &mut x, 1e-10, 50);
    assert!(!outcome.converged && x.iter().all(|x| x.is_finite()), "{outcome:?}");
}

#[test]
fn coloured_products_give_the_entries() {
    for n in [5, 30, 81] {
        let mut system = LinearSystem::<f64>::random(n, 2.0 / n as f64, false, false);
        let (starts, rows) = (system.pattern().starts.to_vec(), system.pattern().rows.to_vec());
        let pattern = MatrixPattern { height: n, starts: &starts, rows: &rows };
        let exact = parts(&system).jacobian;
        system.hide();
        let mut coloured = Jacobian::new();
        coloured.prepare_with_pattern(&system, pattern);
        let u = vec![0.0; n];
        assert!(coloured.evaluate(&system, 0.0, &u, &[]));
        assert_eq!(coloured.values(), exact.values());
        let mut columns = Jacobian::new();
        columns.prepare(&system);
        columns.evaluate(&system, 0.0, &u, &[]);
        assert_eq!(columns.products(), n);
        assert!(coloured.products() <= n);
        let (x, mut found, mut wanted) = (numbers::<f64>(n), vec![0.0; n], vec![0.0; n]);
        columns.multiply(&x, &mut found);
        let mut nothing = [];
        system.eval(0.0, &x, &[], &mut wanted, &mut nothing);
        for (a, b) in found.iter().zip(&wanted) {
            assert!((a - b).abs() < 1e-13, "{a} and {b}");
        }
    }
}

#[test]
fn colours_are_few_and_tell_columns_apart() {
    let mut generator = Generator(1);
    let mut band = LinearSystem::<f64>::empty(100);
    let mut random = LinearSystem::<f64>::random(100, 0.03, false, false);
    for i in 0..100_usize {
        for j in i.saturating_sub(2)..(i + 3).min(100) {
            band.set(i, j, generator.number());
        }
    }
    random.set(0, 99, 1.0);
    for (system, most) in [(&band, 5), (&random, 100)] {
        let pattern = Pattern::of(system.pattern());
        let (colours, count) = column_colours(&pattern);
        assert!(count <= most, "{count} colours");
        for j in 0..100 {
            for k in 0..j {
                let share = pattern.column(j).iter().any(|i| pattern.index(*i, k).is_some());
                assert!(!share || colours[j] != colours[k], "columns {k} and {j}");
            }
        }
    }
}
