//! The neural differential equation of the spiral: 300 iterations of Adam from random weights.

use super::{objective, prepared};
use crate::comparator::native::Whole;
use crate::core::solve::grid;
use crate::core::{InC, at_most, compiled, texts};
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Trial, stored};
use slopefield_train::{Control, Event, Objective, Recipe, Stage, Start, train};

/// Iterations of Adam.
const ITERATIONS: u32 = 300;
/// Losses that are compared with those of the comparator, from the start: the same steps in other
/// arithmetic go apart by and by.
const COMPARED: usize = 50;

pub(super) fn case() -> Case {
    Case {
        name: "spiral-adam".into(),
        about: "neural differential equation 2-50-2, 30 points, Tsit5 at 1e-7, 300 iterations of \
                Adam from random weights; the same in hand-written C"
            .into(),
        target: at_most(1.4),
        saved: Saved {
            bench: "B3",
            case: "train300 f64: Tsit5 discrete adjoint + Adam, compiled model".into(),
            metric: "time for 300 Adam iterations",
        },
        prepare: Box::new(prepare),
    }
}

fn prepare(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let text = format!("{}observe seen_x = x\nobserve seen_y = y\n", texts::SPIRAL);
    let (_, compile_s) = compiled(&text, setting)?;
    let data = stored::spiral().get("data").to_vec();
    let weights = slopefield_problems::network_weights(1);
    let column = |i: usize| data.iter().skip(i).step_by(2).copied().collect::<Vec<f64>>();
    let columns = [("t", grid(0.0, 1.5, 30)), ("seen_x", column(0)), ("seen_y", column(1))];
    let solver = "[solver]\nmethod = \"tsit5\"\nrtol = 1e-7\natol = 1e-9\n";
    let study =
        prepared(&text, &format!("{solver}[training]\ngradient = \"discrete\"\n"), &columns)?;
    let mut problem = study.problem.clone();
    for (spec, weight) in problem.theta.iter_mut().zip(&weights) {
        spec.start = *weight;
    }
    let input = [&weights[..], &[2.0, 0.0], &data].concat();
    let whole = Whole::open(setting.comparators, "spiral_training", &input, 0)?;
    Ok(Trial {
        ours: Box::new(Training { objective: objective(&study, problem)?, losses: Vec::new() }),
        comparator: InC::boxed(whole).map(|whole| Box::new(First(whole)) as Box<dyn Subject>),
        check: Check {
            agreement: 1e-4,
            // Behind the losses that are compared: the least. Six independent trainings at this
            // rate ended between 0.064 and 0.376.
            reference: Some(Reference {
                at: vec![COMPARED],
                values: vec![0.0],
                scale: 1.0,
                tolerance: 0.4,
            }),
        },
        work: 1,
        compile_s,
    })
}

struct Training {
    objective: Objective,
    /// At the start and after each iteration.
    losses: Vec<f64>,
}

impl Subject for Training {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let mut recipe = Recipe::custom(vec![Stage::adam(ITERATIONS, 0.05, 1.0)]);
        recipe.check_gradient = false;
        for _ in 0..calls {
            self.losses.clear();
            let losses = &mut self.losses;
            let mut note = |event: Event<'_>| {
                if let Event::Iteration { loss, .. } = event {
                    losses.push(loss);
                }
            };
            let control = Control::default();
            let fit = train(&mut self.objective, &recipe, Start::Problem, &control, &mut note);
            if fit.iterations != u64::from(ITERATIONS) {
                return Err(BenchError::Training(fit.stop_reason.sentence()));
            }
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        let start = self.objective.evaluate(&self.objective.z_start(), 1.0, None);
        let start = start.map_err(|e| BenchError::Training(e.message))?.loss;
        Ok(first(&[&[start], &self.losses[..]].concat()))
    }
}

/// The comparator, with the result in the same form.
struct First(Box<dyn Subject>);

impl Subject for First {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        self.0.run(calls)
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        Ok(first(&self.0.result()?))
    }
}

/// The losses to compare and, behind them, the least of all. What differs by chance late in the
/// training is small beside the first losses.
fn first(losses: &[f64]) -> Vec<f64> {
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    losses.iter().take(COMPARED).copied().chain([least]).collect()
}
