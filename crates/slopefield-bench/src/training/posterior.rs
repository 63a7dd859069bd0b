//! Ten thousand draws from the posterior of hares and lynxes.

use super::{objective, prepared};
use crate::core::compiled;
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Target, Trial};
use slopefield_study::Prepared;
use slopefield_train::Control;
use slopefield_uncertainty::{SampleSettings, sample};

/// Priors as in posteriordb's `hudson_lynx_hare-lotka_volterra`.
const MODEL: &str = "\
state hare = hare0
state lynx = lynx0
param alpha = 0.5  log ~ normal(1, 0.5)
param beta = 0.02  log ~ normal(0.05, 0.05)
param gamma = 0.8  log ~ normal(1, 0.5)
param delta = 0.02 log ~ normal(0.05, 0.05)
param hare0 = 30   log ~ lognormal(2.302585092994046, 1)
param lynx0 = 4    log ~ lognormal(2.302585092994046, 1)
param s1 = 0.25    log ~ lognormal(-1, 1)
param s2 = 0.25    log ~ lognormal(-1, 1)
hare' = alpha*hare - beta*hare*lynx
lynx' = -gamma*lynx + delta*hare*lynx
observe h = hare with lognormal(s1)
observe l = lynx with lognormal(s2)
";

/// Thousands of pelts bought by the Hudson Bay Company per year, 1900 to 1920 (Hewitt 1921;
/// posteriordb `hudson_lynx_hare`, BSD-3-Clause).
const HARE: [f64; 21] = [
    30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1, 40.3, 57.0, 76.6, 52.3, 19.5,
    11.2, 7.6, 14.6, 16.2, 24.7,
];
const LYNX: [f64; 21] = [
    4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4, 8.0, 12.3, 19.5, 45.7, 51.1, 29.7,
    15.8, 9.7, 10.1, 8.6,
];

/// Means with their Monte-Carlo standard errors, from ten chains of Stan (posteriordb).
const PUBLISHED: [(f64, f64); 8] = [
    (0.546_864, 6.3e-4),
    (0.027_747_3, 4.1e-5),
    (0.800_095, 8.8e-4),
    (0.024_085_9, 3.5e-5),
    (34.0352, 0.029),
    (5.935_90, 0.0053),
    (0.248_057, 4.4e-4),
    (0.251_017, 4.4e-4),
];

const SETTINGS: SampleSettings = SampleSettings { chains: 4, warmup: 500, draws: 2500, seed: 1 };

pub(super) fn case() -> Case {
    Case {
        name: "posterior".into(),
        about: "hare and lynx of the Hudson Bay, 21 years, 8 parameters: 10,000 draws by the No-U-Turn \
                sampler in 4 chains after 500 draws of warm-up each, on all cores"
            .into(),
        target: Some(Target::Seconds(5.0)),
        saved: Saved {
            bench: "core",
            case: "hare and lynx: 10,000 draws, compiled model".into(),
            metric: "time for all draws",
        },
        prepare: Box::new(prepare),
    }
}

fn prepare(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (_, compile_s) = compiled(MODEL, setting)?;
    let years = (0..21).map(f64::from).collect();
    let columns = [("t", years), ("h", HARE.to_vec()), ("l", LYNX.to_vec())];
    let study = prepared(MODEL, "[training]\ngradient = \"discrete\"\n", &columns)?;
    Ok(Trial {
        ours: Box::new(Posterior { study }),
        comparator: None,
        check: Check {
            agreement: 0.0,
            reference: Some(Reference {
                at: (0..PUBLISHED.len()).collect(),
                values: vec![0.0; PUBLISHED.len()],
                scale: 1.0,
                tolerance: 4.0,
            }),
        },
        work: 1,
        compile_s,
    })
}

struct Posterior {
    study: Prepared,
}

impl Posterior {
    fn draw(&self) -> Result<slopefield_uncertainty::Draws, BenchError> {
        let theta = &self.study.problem.theta;
        let start: Vec<f64> = theta.iter().map(|spec| spec.start).collect();
        let make = || objective(&self.study, self.study.problem.clone());
        sample(&make, &start, &SETTINGS, &Control::default(), &|_| {})
            .map_err(|e| BenchError::Training(e.to_string()))
    }
}

impl Subject for Posterior {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        (0..calls).try_for_each(|_| self.draw().map(drop))
    }

    /// How far each mean is from the published one, in standard errors of both.
    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        let summaries = self.draw()?.summaries();
        let off = summaries.iter().zip(PUBLISHED).map(|(found, (mean, error))| {
            (found.mean - mean) / f64::hypot(error, found.standard_error)
        });
        Ok(off.collect())
    }
}
