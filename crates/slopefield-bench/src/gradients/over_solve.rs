//! What a gradient costs in solves of the same problem: the loss with its gradient beside the loss
//! alone, in the same process.

use crate::core::gradient::{Gradient, spiral_problem};
use crate::core::solve::{Problem, Solve};
use crate::core::{compiled, scaling, texts};
use crate::{BenchError, Case, Check, Reference, Saved, Subject, Target, Trial};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![Case {
        name: "spiral-over-solve".into(),
        about: "the gradient of the spiral by 252 weights; one solve with the same points".into(),
        target: Some(Target::Ratio(2.2)),
        saved: own("spiral"),
        prepare: Box::new(|setting| {
            let (model, compile_s) = compiled(texts::SPIRAL, setting)?;
            let make = || spiral_problem(&model);
            Ok(trial(make, compile_s))
        }),
    }];
    for (hidden, size) in [(3, "1e2"), (30, "1e3"), (303, "1e4"), (3030, "1e5"), (30303, "1e6")] {
        cases.push(Case {
            name: format!("scaling-{size}-over-solve"),
            about: format!(
                "network 16-{hidden}-16 ({size} parameters), loss and gradient; one solve with the \
                 same points"
            ),
            target: Some(Target::Ratio(2.5)),
            saved: own(&format!("P={size}")),
            prepare: Box::new(move |setting| {
                let text = scaling::text(hidden);
                let (model, compile_s) = compiled(&text, setting)?;
                let make = || scaling::problem(&model, hidden);
                Ok(trial(make, compile_s))
            }),
        });
    }
    cases
}

fn own(case: &str) -> Saved {
    let case = format!("{case}: gradient over solve");
    Saved { bench: "core", case, metric: "time per loss+gradient" }
}

/// The gradient and the loss alone. Both results are the loss, which is the same to the last bit
/// but for the order of its sum; the gradients themselves are checked by the cases beside C.
fn trial(make: impl Fn() -> (Problem, Vec<f64>), compile_s: Option<f64>) -> Trial {
    let ((problem, data), (same, again)) = (make(), make());
    Trial {
        ours: Box::new(LossOf(Gradient::new(problem, data, false))),
        comparator: Some(Box::new(SolveLoss { solve: Solve::new(same), data: again })),
        check: Check { agreement: 1e-12, reference: None::<Reference> },
        work: 1,
        compile_s,
    }
}

/// A gradient whose result is the loss.
struct LossOf(Gradient);

impl Subject for LossOf {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        self.0.run(calls)
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        Ok(self.0.result()?[..1].to_vec())
    }

    fn evaluations(&self) -> Option<u64> {
        self.0.evaluations()
    }
}

/// A solve whose result is the sum of squares.
struct SolveLoss {
    solve: Solve,
    data: Vec<f64>,
}

impl Subject for SolveLoss {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        self.solve.run(calls)
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        let states = self.solve.result()?;
        Ok(vec![states.iter().zip(&self.data).map(|(x, y)| (x - y) * (x - y)).sum()])
    }

    fn evaluations(&self) -> Option<u64> {
        self.solve.evaluations()
    }
}
