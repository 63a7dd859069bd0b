//! Twenty initial states of the spiral in one loss, as a batch of training.

use crate::comparator::native::Whole;
use crate::core::gradient::{Gradient, spiral_problem};
use crate::core::{InC, at_most, compiled, texts};
use crate::{BenchError, Case, Check, Saved, Setting, Subject, Trial, stored};

/// Number of initial states.
const STARTS: usize = 20;

pub(super) fn case() -> Case {
    Case {
        name: "spiral-20-gradient".into(),
        about: "the spiral from 20 initial states, one loss and its gradient by 252 weights; the \
                hand-written discrete adjoint from the same states"
            .into(),
        target: at_most(1.4),
        saved: Saved {
            bench: "core",
            case: "20 starts: Tsit5 discrete adjoint, compiled model".into(),
            metric: "time per loss+gradient",
        },
        prepare: Box::new(prepare),
    }
}

/// States on an ellipse around that of the single case.
fn start(index: usize) -> [f64; 2] {
    let angle = std::f64::consts::TAU * index as f64 / STARTS as f64;
    [2.0 * angle.cos(), 1.5 * angle.sin()]
}

fn prepare(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(texts::SPIRAL, setting)?;
    let stored = stored::spiral();
    let (weights, data) = (stored.get("weights"), stored.get("data"));
    let mut ours = Vec::new();
    let mut theirs = Some(Vec::new());
    for u0 in (0..STARTS).map(start) {
        let (mut problem, data_of_all) = spiral_problem(&model);
        problem.u0 = u0.to_vec();
        ours.push(Box::new(Gradient::new(problem, data_of_all, false)) as Box<dyn Subject>);
        let input = [weights, &u0, data].concat();
        let whole = Whole::open(setting.comparators, "spiral_gradient", &input, 0)?;
        match (InC::boxed(whole), &mut theirs) {
            (Some(subject), Some(all)) => all.push(subject),
            _ => theirs = None,
        }
    }
    Ok(Trial {
        ours: Box::new(Sum(ours)),
        comparator: theirs.map(|all| Box::new(Sum(all)) as Box<dyn Subject>),
        check: Check { agreement: 1e-3, reference: None },
        work: 1,
        compile_s,
    })
}

/// Several subjects one after another; the result is the sum of theirs.
struct Sum(Vec<Box<dyn Subject>>);

impl Subject for Sum {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        for _ in 0..calls {
            for subject in &mut self.0 {
                subject.run(1)?;
            }
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        let mut sum: Vec<f64> = Vec::new();
        for subject in &mut self.0 {
            let result = subject.result()?;
            sum.resize(result.len(), 0.0);
            sum.iter_mut().zip(&result).for_each(|(s, x)| *s += x);
        }
        Ok(sum)
    }

    fn evaluations(&self) -> Option<u64> {
        self.0.iter().map(|subject| subject.evaluations()).sum()
    }
}
