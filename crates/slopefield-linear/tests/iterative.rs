//! GMRES against direct solutions, and coloured Jacobians against entries.
#![allow(clippy::unwrap_used, reason = "also in the functions that the tests share")]

mod common;

use common::{Generator, LinearSystem};
use slopefield_kernel::{Kernel, MatrixPattern};
use slopefield_linear::{
    BlockJacobi, Gmres, Ilu0, IterationMatrix, Jacobian, Mass, Pattern, Real, column_colours,
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

/// Factors without fill of a matrix that needs none are its factors.
#[test]
fn incomplete_factors_of_a_tridiagonal_matrix_are_complete() {
    let n = 50;
    let mut system = LinearSystem::<f64>::empty(n);
    let mut generator = Generator(3);
    for i in 0..n {
        system.set(i, i, -3.0 + generator.number());
        if i + 1 < n {
            system.set(i, i + 1, generator.number());
            system.set(i + 1, i, generator.number());
        }
    }
    let Parts { jacobian, mass, n } = parts(&system);
    let mut ilu = Ilu0::default();
    ilu.prepare(&jacobian, &mass);
    ilu.factor(2.0, 0.7, &jacobian, &mass).unwrap();
    let r = numbers::<f64>(n);
    let (mut x, mut product) = (r.clone(), vec![0.0; n]);
    ilu.solve(&mut x);
    ilu.multiply(&x, &mut product);
    for (a, b) in product.iter().zip(&r) {
        assert!((a - b).abs() < 1e-14, "{a} {b}");
    }
}

/// Diffusion on a square with a mass matrix: entries of `L U` agree with the matrix wherever that has
/// some, and GMRES needs a fraction of the products that it needs alone.
fn square(side: usize) -> LinearSystem<f64> {
    let n = side * side;
    let mut system = LinearSystem::empty(n);
    for i in 0..n {
        system.set(i, i, -4.0);
        if (i + 1) % side != 0 {
            system.set(i, i + 1, 1.0);
            system.set(i + 1, i, 1.0);
        }
        if i + side < n {
            system.set(i, i + side, 1.0);
            system.set(i + side, i, 1.0);
        }
    }
    system
}

#[test]
fn incomplete_factors_speed_up_gmres_on_a_square() {
    let system = square(20);
    let Parts { jacobian, mass, n } = parts(&system);
    let c = 30.0;
    let mut direct = IterationMatrix::<f64>::new();
    direct.prepare(&jacobian, &mass);
    direct.factor(1.0, c, &jacobian, &mass).unwrap();
    let mut ilu = Ilu0::default();
    ilu.prepare(&jacobian, &mass);
    ilu.factor(1.0, c, &jacobian, &mass).unwrap();
    let r = numbers::<f64>(n);
    let mut exact = r.clone();
    direct.solve(&mut exact);
    let mut gmres = Gmres::new(n, 40);
    let mut run = |preconditioned: bool| {
        let mut x = vec![0.0; n];
        let precondition = |x: &mut [f64]| {
            if preconditioned {
                ilu.solve(x);
            }
        };
        let ended =
            gmres.solve(|x, out| ilu.multiply(x, out), precondition, &r, &mut x, 1e-10, 400);
        assert!(ended.converged, "{ended:?}");
        let off = x.iter().zip(&exact).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(off < 1e-9, "{off:e}");
        ended.products
    };
    let (with, without) = (run(true), run(false));
    assert!(with < 40 && 3 * with < without, "{with} products instead of {without}");
    // The matrix moves on, the factors stay.
    ilu.take(1.0, 1.2 * c, &jacobian, &mass);
    direct.factor(1.0, 1.2 * c, &jacobian, &mass).unwrap();
    let (mut x, mut exact) = (vec![0.0; n], r.clone());
    direct.solve(&mut exact);
    let solve = |x: &mut [f64]| ilu.solve(x);
    let ended = gmres.solve(|x, out| ilu.multiply(x, out), solve, &r, &mut x, 1e-10, 400);
    assert!(ended.converged && ended.products < 50, "{ended:?}");
    let off = x.iter().zip(&exact).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(off < 1e-9, "{off:e}");
}

#[test]
fn incomplete_factors_take_dense_jacobians_and_mass_matrices_and_name_missing_pivots() {
    let mut system = LinearSystem::<f64>::random(12, 0.4, false, true);
    system.hide();
    let Parts { jacobian, mass, n } = parts(&system);
    let mut ilu = Ilu0::default();
    ilu.prepare(&jacobian, &mass);
    ilu.factor(3.0, 0.1, &jacobian, &mass).unwrap();
    let mut direct = IterationMatrix::<f64>::new();
    direct.prepare(&jacobian, &mass);
    direct.factor(3.0, 0.1, &jacobian, &mass).unwrap();
    let r = numbers::<f64>(n);
    let (mut a, mut b) = (r.clone(), r);
    ilu.solve(&mut a);
    direct.solve(&mut b);
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    assert!(ilu.factor(0.0, 0.0, &jacobian, &mass).is_err());
}
