//! Times of solves and gradients on the standard problems, in microseconds: minimum and median of
//! many rounds. Run with `cargo run --release --example bench -p slopefield-adjoint`.

use slopefield_adjoint::{DiscreteAdjoint, ForwardSensitivity, GaussAdjoint, GradientMethod};
use slopefield_problems::{Problem, lotka_volterra, neural_spiral};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, Stats, drive};
use std::time::Instant;

const ROUNDS: usize = 1500;

struct Bench {
    problem: Problem,
    settings: Settings,
    saves: Vec<f64>,
}

impl Bench {
    fn new(problem: Problem, settings: Settings, points: usize) -> Self {
        let (t0, t1) = (problem.t0, problem.t1);
        let last = points - 1;
        let time = |i| if i == last { t1 } else { t0 + (t1 - t0) * i as f64 / last as f64 };
        Bench { saves: (0..points).map(time).collect(), problem, settings }
    }

    fn ivp(&self) -> Ivp<'_> {
        let Problem { rhs, t0, t1, u0, p, .. } = &self.problem;
        Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p }
    }

    fn solve(&self) -> f64 {
        let mut stepper = ExplicitRungeKutta::new(&TSIT5);
        let mut states = vec![0.0; self.saves.len() * self.problem.u0.len()];
        let mut stats = Stats::default();
        let time = measure(|| {
            let result =
                drive(&mut stepper, &self.ivp(), &self.settings, &self.saves, &mut states, None);
            stats = result.expect("the standard problems can be solved");
        });
        println!(
            "{:<16} solve               {:>9.2} {:>9.2}   {} + {} steps, {} evaluations",
            self.problem.id, time.0, time.1, stats.accepted, stats.rejected, stats.rhs
        );
        time.0
    }

    fn gradient(&self, label: &str, method: &mut dyn GradientMethod, solve: f64) {
        let (n, m) = (self.problem.u0.len(), self.problem.p.len());
        let (mut grad_u0, mut grad_p) = (vec![0.0; n], vec![0.0; m]);
        let mut loss = |states: &[f64], by_state: &mut [f64]| {
            let mut sum = 0.0;
            for (w, x) in by_state.iter_mut().zip(states) {
                *w = 2.0 * (x - 1.0);
                sum += (x - 1.0) * (x - 1.0);
            }
            sum
        };
        let mut memory = 0;
        let time = measure(|| {
            let result = method.evaluate(
                &self.ivp(),
                &self.settings,
                &self.saves,
                &mut loss,
                &mut grad_u0,
                &mut grad_p,
            );
            memory = result.expect("the standard problems have gradients").memory;
        });
        println!(
            "{:<16} {label:<19} {:>9.2} {:>9.2}   {:.2} × solve, {memory} bytes",
            self.problem.id,
            time.0,
            time.1,
            time.0 / solve
        );
    }

    fn run(&self) {
        let solve = self.solve();
        self.gradient("discrete", &mut DiscreteAdjoint::new(&TSIT5), solve);
        let mut low_memory = DiscreteAdjoint::new(&TSIT5).with_memory(4096);
        self.gradient("discrete, 4 kB", &mut low_memory, solve);
        self.gradient("forward", &mut ForwardSensitivity::new(&TSIT5), solve);
        let stepper = Box::new(ExplicitRungeKutta::new(&TSIT5));
        self.gradient("gauss", &mut GaussAdjoint::new(stepper), solve);
    }
}

/// Minimum and median time of one call, in microseconds.
fn measure(mut work: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[ROUNDS / 2])
}

fn main() {
    println!("problem          what                  min (µs)  median");
    Bench::new(lotka_volterra(), Settings::with_tolerances(1e-6, 1e-6), 101).run();
    Bench::new(neural_spiral(), Settings::with_tolerances(1e-7, 1e-9), 30).run();
}
