//! The loss and gradient of a model of the size that systems biology fits: that of Boehm et al.

use super::{objective, prepared};
use crate::core::compiled;
use crate::stored::Stored;
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Target, Trial};
use slopefield_train::Objective;

const MODEL: &str = include_str!("../../../../benches/training/boehm.slope");

/// Times of the measurements, in minutes.
const TIMES: [f64; 16] = [
    0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 120.0, 160.0, 200.0,
    240.0,
];

pub(super) fn case() -> Case {
    Case {
        name: "boehm-gradient".into(),
        about: "model of Boehm et al. 2014, 8 stiff states, 48 points, log-likelihood and its \
                gradient by 9 parameters at 1e-6, solver and gradient by the automatic choice"
            .into(),
        target: Some(Target::Seconds(2e-3)),
        saved: Saved {
            bench: "core",
            case: "Boehm: gradient by 9 parameters, automatic choice, compiled model".into(),
            metric: "time per loss+gradient",
        },
        prepare: Box::new(prepare),
    }
}

fn prepare(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (_, compile_s) = compiled(MODEL, setting)?;
    // Written by `benches/training/boehm.py`.
    let stored = Stored::read(include_str!("../../../../benches/training/boehm.txt"));
    let data = stored.get("data");
    let column = |i: usize| data.iter().skip(i).step_by(3).copied().collect::<Vec<f64>>();
    let columns = [("t", TIMES.to_vec()), ("pA", column(0)), ("pB", column(1)), ("rA", column(2))];
    let study = prepared(MODEL, "[solver]\nrtol = 1e-6\natol = 1e-8\n", &columns)?;
    let objective = objective(&study, study.problem.clone())?;
    // The largest derivative is 12; the loss, 120, has to be as near.
    let mut reference =
        Reference::relative(0, &[stored.get("loss"), stored.get("gradient")].concat(), 1e-4);
    reference.scale = 12.0;
    Ok(Trial {
        ours: Box::new(Gradient {
            z: objective.z_start(),
            by_z: vec![0.0; objective.dimension()],
            objective,
            loss: 0.0,
        }),
        comparator: None,
        check: Check { agreement: 0.0, reference: Some(reference) },
        work: 1,
        compile_s,
    })
}

struct Gradient {
    objective: Objective,
    z: Vec<f64>,
    by_z: Vec<f64>,
    loss: f64,
}

impl Subject for Gradient {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        for _ in 0..calls {
            let evaluated = self.objective.evaluate(&self.z, 1.0, Some(&mut self.by_z));
            self.loss = evaluated.map_err(|e| BenchError::Training(e.message))?.loss;
        }
        Ok(())
    }

    /// The loss and its derivatives by the logarithms of the parameters.
    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        let transforms = self.objective.transforms();
        let by_logarithm = transforms.iter().zip(&self.z).zip(&self.by_z).map(|((t, z), by_z)| {
            let (theta, slope) = t.theta(*z);
            by_z * theta / slope
        });
        Ok(std::iter::once(self.loss).chain(by_logarithm).collect())
    }

    fn evaluations(&self) -> Option<u64> {
        Some(self.objective.gradient_work().0)
    }
}
