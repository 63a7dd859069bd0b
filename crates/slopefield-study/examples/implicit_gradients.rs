//! Times of solves and gradients through implicit methods, in microseconds: minimum and median of
//! many rounds. Run with `cargo run --release --example implicit_gradients -p slopefield-study`.

use slopefield_adjoint::{GradientMethod, ImplicitAdjoint, ImplicitSensitivity};
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::{Ivp, Settings, drive, method};
use slopefield_study::CompiledModel;
use std::time::Instant;

const ROBERTSON: &str = "state a = 1\nstate b = 0\nstate c = 0\nparam k1 = 0.04\nparam k2 = 3e7\n\
     param k3 = 1e4\na' = k3*b*c - k1*a\nb' = k1*a - k3*b*c - k2*b^2\nc' = k2*b^2";

/// On a torus of 10 × 10 points, with four parameters at each.
const BRUSSELATOR: &str = "const N = 10\n\
     param A[i in 1..N, j in 1..N] = 3.4\n\
     param B[i in 1..N, j in 1..N] = 1\n\
     param alpha[i in 1..N, j in 1..N] = 10\n\
     param dx[i in 1..N, j in 1..N] = 0.1\n\
     function place(i) = (i - 1)/(N - 1)\n\
     state u[i in 1..N, j in 1..N] = 22*(place(j)*(1 - place(j)))^1.5\n\
     state v[i in 1..N, j in 1..N] = 27*(place(i)*(1 - place(i)))^1.5\n\
     function laplace(w, i, j) = w[wrap(i - 1), j] + w[wrap(i + 1), j] + w[i, wrap(j - 1)] + \
     w[i, wrap(j + 1)] - 4*w[i, j]\n\
     const fed[i in 1..N, j in 1..N] = if (place(i) - 0.3)^2 + (place(j) - 0.6)^2 <= 0.1^2 then 5 else 0\n\
     u[i, j]' = B[i, j] + u[i, j]^2*v[i, j] - (A[i, j] + 1)*u[i, j] + \
     alpha[i, j]/dx[i, j]^2*laplace(u, i, j) + fed[i, j]*step(t - 1.1) for i in 1..N, j in 1..N\n\
     v[i, j]' = A[i, j]*u[i, j] - u[i, j]^2*v[i, j] + alpha[i, j]/dx[i, j]^2*laplace(v, i, j) \
     for i in 1..N, j in 1..N";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tight = Settings::with_tolerances(1e-6, 1e-10);
    let solvers = ["rodas5p", "kencarp4", "kvaerno5", "radau"];
    time("Robertson to 1e5", ROBERTSON, &[1e5], &tight, &solvers, true)?;
    let loose = Settings::with_tolerances(1e-5, 1e-7);
    let saves: Vec<f64> = (1..=10).map(f64::from).collect();
    time("Brusselator 10 × 10", BRUSSELATOR, &saves, &loose, &solvers, false)
}

fn time(
    name: &str,
    text: &str,
    saves: &[f64],
    settings: &Settings,
    solvers: &[&str],
    few: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let compiled = CompiledModel::new(text, &BuiltinNetworks)?;
    let p = compiled.start_params(0);
    let mut u0 = vec![0.0; compiled.model.states.len()];
    let mut scratch = vec![0.0; compiled.initial.scratch_len()];
    compiled.initial.eval(0.0, &[], &p, &mut u0, &mut scratch);
    let t1 = saves[saves.len() - 1];
    let ivp = Ivp { rhs: &*compiled.rhs, t0: 0.0, t1, u0: &u0, p: &p };
    println!("{name}: {} states, {} parameters", u0.len(), p.len());
    for solver in solvers {
        let mut stepper = method(solver).ok_or("a solver")?;
        let mut states = vec![0.0; saves.len() * u0.len()];
        let mut stats = drive(&mut *stepper, &ivp, settings, saves, &mut states, None)?;
        let solve = measure(&mut || {
            stats = drive(&mut *stepper, &ivp, settings, saves, &mut states, None)?;
            Ok(())
        })?;
        println!(
            "  {solver:<10} solve     {:>10.1} {:>10.1}   {} + {} steps, {} factorisations",
            solve.0, solve.1, stats.accepted, stats.rejected, stats.factorisations
        );
        let discrete = ImplicitAdjoint::named(solver).ok_or("an implicit solver")?;
        let forward = ImplicitSensitivity::named(solver).ok_or("an implicit solver")?;
        let methods: [Box<dyn GradientMethod>; 2] = [Box::new(discrete), Box::new(forward)];
        for mut method in methods.into_iter().take(if few { 2 } else { 1 }) {
            let (mut by_u0, mut by_p) = (vec![0.0; u0.len()], vec![0.0; p.len()]);
            let found = measure(&mut || {
                method.evaluate(&ivp, settings, saves, &mut squares, &mut by_u0, &mut by_p)?;
                Ok(())
            })?;
            println!(
                "  {solver:<10} {:<9} {:>10.1} {:>10.1}   {:.1} solves",
                method.name(),
                found.0,
                found.1,
                found.0 / solve.0
            );
        }
    }
    Ok(())
}

fn squares(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (w, x) in by_state.iter_mut().zip(states) {
        *w = 2.0 * (x - 1.0);
        sum += (x - 1.0) * (x - 1.0);
    }
    sum
}

/// Minimum and median over two seconds, in microseconds.
fn measure(
    run: &mut dyn FnMut() -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    run()?;
    let (mut times, began) = (Vec::new(), Instant::now());
    while times.len() < 5 || began.elapsed().as_secs_f64() < 2.0 {
        let start = Instant::now();
        run()?;
        times.push(1e6 * start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[0], times[times.len() / 2]))
}
