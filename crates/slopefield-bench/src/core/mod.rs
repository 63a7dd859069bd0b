//! The compute core: right-hand sides, solves, gradients, compile times.

mod compile;
pub(crate) mod ensemble;
pub(crate) mod gradient;
mod rhs;
pub(crate) mod scaling;
pub(crate) mod solve;
mod spiral;
pub(crate) mod texts;

use crate::comparator::native::Whole;
use crate::machine::Clock;
use crate::{BenchError, Case, Saved, Setting, Subject, Suite, Target};
use slopefield_graph::BuiltinNetworks;
use slopefield_study::CompiledModel;

/// See the module.
pub(crate) const SUITE: Suite = Suite {
    name: "core",
    about: "right-hand sides, solves, gradients and compile times beside hand-written C",
    cases,
};

fn cases() -> Vec<Case> {
    let mut cases = rhs::cases();
    cases.extend(spiral::cases());
    cases.push(solve::lotka_volterra());
    cases.push(gradient::lotka_volterra());
    cases.push(gradient::spiral());
    cases.extend(scaling::cases());
    cases.extend(ensemble::cases());
    cases.extend(compile::cases());
    cases
}

/// A case outside the tables of the peers.
pub(crate) fn own(case: &str, metric: &'static str) -> Saved {
    Saved { bench: "core", case: case.into(), metric }
}

/// A target that our time is at most `most` times the comparator's.
pub(crate) fn at_most(most: f64) -> Option<Target> {
    Some(Target::Ratio(most))
}

/// Compiles a model text: the model, and the least of some times from text to callable.
pub(crate) fn compiled(
    text: &str,
    setting: &Setting<'_>,
) -> Result<(CompiledModel, Option<f64>), BenchError> {
    let timed = || -> Result<_, BenchError> {
        let clock = Clock::start();
        let model = CompiledModel::new(text, &BuiltinNetworks)?;
        Ok((model, clock.seconds()))
    };
    let (mut model, mut least) = timed()?;
    for _ in 1..setting.compile_rounds {
        let (again, seconds) = timed()?;
        (model, least) = (again, least.min(seconds));
    }
    Ok((model, Some(least)))
}

/// A case of `whole.cpp` as a subject.
pub(crate) struct InC(Whole);

impl InC {
    pub(crate) fn boxed(whole: Option<Whole>) -> Option<Box<dyn Subject>> {
        whole.map(|whole| Box::new(InC(whole)) as Box<dyn Subject>)
    }
}

impl Subject for InC {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        self.0.run(calls);
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.0.run(1);
        Ok(self.0.result())
    }
}
