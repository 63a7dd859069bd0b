//! The parameters of Lotka–Volterra found again from exact data.

use super::{objective, prepared};
use crate::core::solve::{LV_INPUT, grid};
use crate::core::{compiled, texts};
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Target, Trial, stored};
use slopefield_train::{Control, Objective, Recipe, Stage, Start, train};

/// Where the fit begins, in the order of the model.
const START: [f64; 4] = [2.2, 1.0, 2.0, 0.4];
/// Largest sum of squares that counts as found.
const FOUND: f64 = 1e-10;

pub(super) fn case() -> Case {
    Case {
        name: "lv-fit".into(),
        about:
            "Lotka-Volterra, 101 exact points to t = 10, Tsit5 at 1e-8, Levenberg-Marquardt from \
                (2.2, 1, 2, 0.4) until the sum of squares is below 1e-10"
                .into(),
        target: Some(Target::Seconds(5e-3)),
        saved: Saved {
            bench: "core",
            case: "Lotka-Volterra: fit of 4 parameters, compiled model".into(),
            metric: "time per fit",
        },
        prepare: Box::new(prepare),
    }
}

fn prepare(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let text = format!("{}observe seen_x = x\nobserve seen_y = y\n", texts::LOTKA_VOLTERRA);
    let (_, compile_s) = compiled(&text, setting)?;
    let states = stored::lotka_volterra().get("states").to_vec();
    let column = |i: usize| states.iter().skip(i).step_by(2).copied().collect::<Vec<f64>>();
    let columns = [("t", grid(0.0, 10.0, 101)), ("seen_x", column(0)), ("seen_y", column(1))];
    let settings = "[solver]\nmethod = \"tsit5\"\nrtol = 1e-8\natol = 1e-8\n\
                    [training]\ngradient = \"discrete\"\n";
    let study = prepared(&text, settings, &columns)?;
    let mut problem = study.problem.clone();
    for (spec, start) in problem.theta.iter_mut().zip(START) {
        spec.start = start;
    }
    Ok(Trial {
        ours: Box::new(Fit { objective: objective(&study, problem)? }),
        comparator: None,
        check: Check {
            agreement: 0.0,
            reference: Some(Reference::relative(0, &LV_INPUT[..4], 1e-5)),
        },
        work: 1,
        compile_s,
    })
}

struct Fit {
    objective: Objective,
}

impl Fit {
    fn fit(&mut self) -> Result<slopefield_train::Fit, BenchError> {
        let mut recipe = Recipe::custom(vec![Stage::levenberg_marquardt(200, 1.0)]);
        recipe.check_gradient = false;
        let control = Control::default();
        let fit = train(&mut self.objective, &recipe, Start::Problem, &control, &mut |_| {});
        match fit.loss < FOUND {
            true => Ok(fit),
            false => Err(BenchError::Training(format!(
                "it ended at a loss of {:.1e}: {}",
                fit.loss,
                fit.stop_reason.sentence()
            ))),
        }
    }
}

impl Subject for Fit {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        (0..calls).try_for_each(|_| self.fit().map(drop))
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        Ok(self.fit()?.theta)
    }
}
