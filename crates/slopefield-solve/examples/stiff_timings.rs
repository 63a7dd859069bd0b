//! Times of stiff methods on standard problems: the time of a solve (median of many in a row, one
//! thread), its steps and its error at the end.
//!
//! `cargo run --release -p slopefield-solve --example stiff_timings [method …]`

use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};
use slopefield_problems::{
    Problem, brusselator_1d_200, brusselator_2d, hires, oregonator, pollution, robertson,
    van_der_pol,
};
use slopefield_solve::{Ivp, Settings, drive, method};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Robertson's reaction by hand, as a compiler would write it.
struct Robertson;

impl Kernel for Robertson {
    fn shape(&self) -> Shape {
        Shape { states: 3, params: 3, outputs: 3 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        let (&[a, b, c], &[k1, k2, k3], [x, y, z]) = (u, p, out) else { return };
        let (slow, fast, back) = (k1 * a, k2 * b * b, k3 * b * c);
        *x = back - slow;
        *y = slow - back - fast;
        *z = fast;
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        Kernel::eval(self, at.t, at.u, at.p, out, scratch);
        let (&[a, b, c], &[k1, k2, k3]) = (at.u, at.p) else { return };
        let (&[da, db, dc], &[d1, d2, d3], [x, y, z]) = (along.u, along.p, dout) else { return };
        let slow = k1 * da + d1 * a;
        let fast = (2.0 * k2 * b) * db + d2 * b * b;
        let back = k3 * (b * dc + db * c) + d3 * b * c;
        *x = back - slow;
        *y = slow - back - fast;
        *z = fast;
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unimplemented!("solves need no reverse products");
    }
    fn structure(&self) -> Structure<'_> {
        Structure { jacobian: Some(self), ..Structure::default() }
    }
}

impl MatrixKernel for Robertson {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: 3, starts: &[0, 2, 5, 7], rows: &[0, 1, 0, 1, 2, 0, 1] }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], p: &[f64], values: &mut [f64], _: &mut [f64]) {
        let (&[_, b, c], &[k1, k2, k3]) = (u, p) else { return };
        let (fast, back_b, back_c) = (2.0 * k2 * b, k3 * c, k3 * b);
        values.copy_from_slice(&[-k1, k1, back_b, -back_b - fast, fast, back_c, -back_c]);
    }
}

fn measure(name: &str, problem: &Problem, rhs: &dyn Kernel, t1: f64, rtol: f64, atol: f64) {
    let ivp = Ivp { rhs, t0: problem.t0, t1, u0: &problem.u0, p: &problem.p };
    let settings = Settings::with_tolerances(rtol, atol);
    let mut stepper = method(name).expect("a built-in method");
    let mut end = vec![0.0; problem.u0.len()];
    let mut times = Vec::new();
    let begin = Instant::now();
    let stats = loop {
        let start = Instant::now();
        let stats = drive(&mut *stepper, black_box(&ivp), &settings, &[t1], &mut end, None);
        times.push(start.elapsed());
        black_box(&end);
        let Ok(stats) = stats else {
            println!("{name:>14} {:>16} {rtol:.0e}: {}", problem.id, stats.unwrap_err());
            return;
        };
        if begin.elapsed() > Duration::from_millis(300) && times.len() >= 5 {
            break stats;
        }
    };
    times.sort_unstable();
    let reference = problem.references.iter().find(|reference| reference.t == t1);
    let error = reference.map_or(f64::NAN, |reference| {
        end.iter()
            .zip(&reference.u)
            .fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs() / b.abs().max(1e-300)))
    });
    println!(
        "{name:>14} {:>16} {rtol:.0e}: {:>9.4} ms (least {:.4}), {} + {} steps, {} rhs, relative \
         error {error:.1e}",
        problem.id,
        times[times.len() / 2].as_secs_f64() * 1e3,
        times[0].as_secs_f64() * 1e3,
        stats.accepted,
        stats.rejected,
        stats.rhs,
    );
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let names = if chosen.is_empty() {
        vec!["rodas5p".to_owned(), "rodas4p".to_owned(), "rosenbrock23".to_owned()]
    } else {
        chosen
    };
    let rober = robertson();
    for name in &names {
        measure(name, &rober, &Robertson, 1e5, 1e-6, 1e-10);
        measure(name, &rober, &*rober.rhs, 1e5, 1e-6, 1e-10);
        let line = brusselator_1d_200();
        measure(name, &line, &*line.rhs, 10.0, 1e-6, 1e-6);
        for problem in [hires(), oregonator(), pollution(), van_der_pol()] {
            for rtol in [1e-4, 1e-6, 1e-8, 1e-10] {
                measure(name, &problem, &*problem.rhs, problem.t1, rtol, rtol * 1e-3);
            }
        }
        if name != "rosenbrock23" {
            let plane = brusselator_2d(32);
            measure(name, &plane, &*plane.rhs, plane.t1, 1e-4, 1e-6);
        }
    }
}
