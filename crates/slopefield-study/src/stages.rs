//! Stages of a recipe between the study file and training: what may stand in a study, what training
//! makes of it, and back.

use crate::Problem;
use crate::error::{listed, nearest};
use crate::file::{StageFile, TrainingFile};
use slopefield_train::recipe::{Scope, Search};
use slopefield_train::{Batch, Clip, MultiStart, Optimiser, Recipe, Schedule, Stage};

/// Words of the study file for optimisers.
const OPTIMISERS: [(&str, Optimiser); 6] = [
    ("adam", Optimiser::Adam),
    ("adamw", Optimiser::AdamW),
    ("lbfgs", Optimiser::Lbfgs),
    ("lbfgsb", Optimiser::Lbfgsb),
    ("lm", Optimiser::LevenbergMarquardt),
    ("cmaes", Optimiser::CmaEs),
];
/// Words for what a stage moves.
const SCOPES: [(&str, Scope); 5] = [
    ("all", Scope::All),
    ("scalars", Scope::Scalars),
    ("weights", Scope::Weights),
    ("all-but-noise", Scope::AllButNoise),
    ("noise", Scope::Noise),
];
const SCHEDULES: [&str; 3] = ["constant", "cosine", "exponential"];
const CLIPS: [&str; 3] = ["none", "norm", "relative"];

/// The stage that a study with this seed asks for. Unknown words, which [`check`] finds, count as
/// the default.
#[must_use]
pub fn stage(file: &StageFile, seed: u64) -> Stage {
    let optimiser = value(&OPTIMISERS, &file.optimiser).unwrap_or(Optimiser::Adam);
    Stage {
        optimiser,
        schedule: match file.schedule.as_str() {
            "cosine" => Schedule::Cosine(file.down_to),
            "exponential" => Schedule::Exponential(file.down_to),
            _ => Schedule::Constant,
        },
        clip: match file.clip.as_str() {
            "norm" => Clip::Norm(file.clip_at),
            "relative" => Clip::Relative(file.clip_at),
            _ => Clip::None,
        },
        scope: value(&SCOPES, &file.scope).unwrap_or_default(),
        decay: if optimiser == Optimiser::AdamW { file.decay } else { 0.0 },
        beta2: match optimiser {
            Optimiser::Adam | Optimiser::AdamW => file.beta2,
            _ => StageFile::default().beta2,
        },
        search: match optimiser {
            Optimiser::CmaEs => Search { spread: file.spread, population: file.population, seed },
            _ => Search::default(),
        },
        batch: match optimiser {
            Optimiser::Adam | Optimiser::AdamW if file.batch > 0 => {
                Batch { experiments: file.batch, seed }
            }
            _ => Batch::default(),
        },
        patience: file.patience,
        segments: match optimiser {
            Optimiser::Adam | Optimiser::AdamW => file.segments,
            _ => 0,
        },
        ..Stage::adam(file.iterations, file.rate, file.horizon)
    }
}

/// The starts that a study asks for.
#[must_use]
pub fn many(seed: u64, training: &TrainingFile) -> MultiStart {
    MultiStart { starts: training.starts, factor: training.starts_factor, seed }
}

/// A stage as a study writes it. What its optimiser does not use has the default, to come back to.
#[must_use]
pub fn written(stage: &Stage) -> StageFile {
    let mut file = StageFile {
        optimiser: word(&OPTIMISERS, &stage.optimiser).into(),
        iterations: stage.iterations,
        horizon: stage.horizon,
        scope: word(&SCOPES, &stage.scope).into(),
        patience: stage.patience,
        ..StageFile::default()
    };
    if stage.is_adam() {
        file.rate = stage.rate;
        file.beta2 = stage.beta2;
        file.batch = stage.batch.experiments;
        file.segments = stage.segments;
        (file.schedule, file.down_to) = match stage.schedule {
            Schedule::Constant => ("constant".into(), file.down_to),
            Schedule::Cosine(last) => ("cosine".into(), last),
            Schedule::Exponential(last) => ("exponential".into(), last),
        };
        (file.clip, file.clip_at) = match stage.clip {
            Clip::None => ("none".into(), file.clip_at),
            Clip::Norm(limit) => ("norm".into(), limit),
            Clip::Relative(limit) => ("relative".into(), limit),
        };
    }
    if stage.optimiser == Optimiser::AdamW {
        file.decay = stage.decay;
    }
    if stage.optimiser == Optimiser::CmaEs {
        (file.spread, file.population) = (stage.search.spread, stage.search.population);
    }
    file
}

/// What else a stage does, for people: schedule, bound of the gradient, decay, what it moves. Empty
/// for the plainest.
#[must_use]
pub fn details(stage: &Stage) -> String {
    let mut parts = Vec::new();
    let percent = |share: f64| format!("{} %", (share * 1e4).round() / 100.0);
    if stage.is_adam() {
        match stage.schedule {
            Schedule::Constant => {}
            Schedule::Cosine(last) => parts.push(format!("falling to {} (cosine)", percent(last))),
            Schedule::Exponential(last) => {
                parts.push(format!("falling to {} (exponential)", percent(last)));
            }
        }
        match stage.clip {
            Clip::None => {}
            Clip::Norm(limit) => parts.push(format!("gradient at most {limit}")),
            Clip::Relative(limit) => {
                parts.push(format!("gradient at most {limit} times its average"));
            }
        }
        if stage.beta2 != StageFile::default().beta2 {
            parts.push(format!("beta2 {}", stage.beta2));
        }
        if stage.segments > 0 {
            parts.push(format!("{} segments of each experiment", stage.segments));
        }
        let one = if stage.segments > 0 { "segment" } else { "experiment" };
        match stage.batch.experiments {
            0 => {}
            1 => parts.push(format!("1 {one} an iteration")),
            some => parts.push(format!("{some} {one}s an iteration")),
        }
    }
    if stage.optimiser == Optimiser::AdamW {
        parts.push(format!("decay {}", stage.decay));
    }
    if stage.optimiser == Optimiser::CmaEs {
        parts.push(format!("spread {}", stage.search.spread));
        if stage.search.population > 0 {
            parts.push(format!("{} places a generation", stage.search.population));
        }
    }
    if stage.patience > 0 {
        parts.push(format!("ends after {} iterations without a better hold-out", stage.patience));
    }
    match stage.scope {
        Scope::All => {}
        Scope::Scalars => parts.push("without weights".into()),
        Scope::Weights => parts.push("weights only".into()),
        Scope::AllButNoise => parts.push("all but the noise".into()),
        Scope::Noise => parts.push("noise only".into()),
    }
    parts.join(", ")
}

/// What is wrong with the stages of a study; each finding names its place.
pub(crate) fn check(stages: &[StageFile], problems: &mut Vec<Problem>) {
    for (i, file) in stages.iter().enumerate() {
        let place = format!("training.stages {}", i + 1);
        let before = problems.len();
        let mut known = |name: &str, value: &str, words: &[&str]| {
            if !words.contains(&value) {
                let near = nearest(value, words.iter().copied());
                let all = listed(words.iter().copied());
                let message = format!("`{value}` is unknown{near}; there are {all}");
                problems.push(Problem::error(format!("{place}: {name}"), message));
            }
        };
        known("optimiser", &file.optimiser, &OPTIMISERS.map(|o| o.0));
        known("schedule", &file.schedule, &SCHEDULES);
        known("clip", &file.clip, &CLIPS);
        known("scope", &file.scope, &SCOPES.map(|s| s.0));
        if !(file.rate > 0.0 && file.rate.is_finite()) {
            problems.push(Problem::error(format!("{place}: rate"), "the rate must be positive"));
        }
        if !(file.horizon > 0.0 && file.horizon <= 1.0) {
            let message = "the horizon is a share of the time span, above 0 and at most 1";
            problems.push(Problem::error(format!("{place}: horizon"), message));
        }
        if problems.len() > before {
            continue;
        }
        if let Err(what) = Recipe::custom(vec![stage(file, 0)]).check() {
            let what = what.split_once(": ").map_or(what.as_str(), |(_, what)| what).to_owned();
            problems.push(Problem::error(place, what));
        }
    }
}

fn value<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|row| row.0 == word).map(|row| row.1)
}

fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|row| row.1 == *value).map_or("", |row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Stage> {
        let adam = Stage::adam(60, 0.05, 0.25);
        vec![
            adam,
            Stage { schedule: Schedule::Cosine(0.1), clip: Clip::Relative(5.0), ..adam },
            Stage { schedule: Schedule::Exponential(0.02), clip: Clip::Norm(1.5), ..adam },
            Stage { scope: Scope::AllButNoise, ..Stage::adamw(7, 0.01, 0.3, 1.0) },
            Stage { batch: Batch { experiments: 4, seed: 1 }, ..adam },
            Stage { patience: 50, beta2: 0.95, ..Stage::adam(60, 0.05, 1.0) },
            Stage {
                segments: 20,
                batch: Batch { experiments: 3, seed: 1 },
                ..Stage::adam(60, 0.05, 1.0)
            },
        ]
    }

    #[test]
    fn a_stage_comes_back_from_what_a_study_writes() {
        for expected in examples() {
            assert_eq!(stage(&written(&expected), 1), expected);
        }
        // What a finisher does not use is kept for when the optimiser is changed.
        for (scope, finisher) in [
            (Scope::Noise, Stage::lbfgs(9, 1.0)),
            (Scope::Weights, Stage::lbfgs(9, 0.5)),
            (Scope::All, Stage::lbfgsb(9, 0.5)),
            (Scope::Scalars, Stage::levenberg_marquardt(4, 1.0)),
        ] {
            let file = written(&Stage { scope, ..finisher });
            assert_eq!(file.rate, StageFile::default().rate);
            let back = stage(&file, 1);
            assert_eq!(Stage { rate: 0.0, ..back }, Stage { scope, ..finisher });
        }
    }

    #[test]
    fn the_default_of_the_file_is_plain_adam() {
        assert_eq!(stage(&StageFile::default(), 1), Stage::adam(300, 0.05, 1.0));
        assert_eq!(details(&stage(&StageFile::default(), 1)), "");
    }

    #[test]
    fn details_say_what_is_out_of_the_ordinary() {
        let told: Vec<String> = examples().iter().map(details).collect();
        assert_eq!(told[0], "");
        assert_eq!(told[1], "falling to 10 % (cosine), gradient at most 5 times its average");
        assert_eq!(told[2], "falling to 2 % (exponential), gradient at most 1.5");
        assert_eq!(told[3], "decay 0.3, all but the noise");
        assert_eq!(told[4], "4 experiments an iteration");
        assert_eq!(told[6], "20 segments of each experiment, 3 segments an iteration");
        assert_eq!(told[5], "beta2 0.95, ends after 50 iterations without a better hold-out");
        let search = Search { spread: 0.5, population: 20, seed: 1 };
        let global = Stage::cma_es(50, search, 1.0);
        assert_eq!(details(&global), "spread 0.5, 20 places a generation");
        let back = stage(&written(&global), 1);
        assert_eq!(Stage { rate: 0.0, ..back }, global);
        // A finisher has none of it.
        let finisher = Stage { schedule: Schedule::Cosine(0.1), ..Stage::lbfgs(9, 1.0) };
        assert_eq!(details(&finisher), "");
    }

    #[test]
    fn wrong_stages_are_found_with_their_place() {
        let found = |change: &dyn Fn(&mut StageFile)| {
            let mut file = StageFile::default();
            change(&mut file);
            let mut problems = Vec::new();
            check(&[StageFile::default(), file], &mut problems);
            assert_eq!(problems.len(), 1, "{problems:?}");
            problems[0].to_string()
        };
        let near = found(&|f| f.optimiser = "adamv".into());
        assert!(near.contains("training.stages 2: optimiser") && near.contains("adamw"), "{near}");
        assert!(found(&|f| f.schedule = "step".into()).contains("`cosine`"));
        assert!(found(&|f| f.clip = "hard".into()).contains("`relative`"));
        assert!(found(&|f| f.scope = "none".into()).contains("`weights`"));
        assert!(found(&|f| f.rate = 0.0).contains("rate must be positive"));
        assert!(found(&|f| f.horizon = 2.0).contains("share of the time span"));
        assert!(found(&|f| f.iterations = 0).contains("at least one iteration"));
        let falling = |f: &mut StageFile| {
            f.schedule = "cosine".into();
            f.down_to = 0.0;
        };
        assert!(found(&falling).contains("share above 0"));
        let clipped = |f: &mut StageFile| {
            f.clip = "norm".into();
            f.clip_at = -1.0;
        };
        assert!(found(&clipped).contains("bound of the gradient"));
        let spread = |f: &mut StageFile| {
            f.optimiser = "cmaes".into();
            f.spread = 0.0;
        };
        assert!(found(&spread).contains("spread"));
        let few = |f: &mut StageFile| {
            f.optimiser = "cmaes".into();
            f.population = 3;
        };
        assert!(found(&few).contains("4 to 10000 places"));
        let one = |f: &mut StageFile| f.segments = 1;
        assert!(found(&one).contains("2 segments at least"));
        let part = |f: &mut StageFile| (f.segments, f.horizon) = (5, 0.5);
        assert!(found(&part).contains("segments are of the whole time span"));
        let early = |f: &mut StageFile| (f.patience, f.horizon) = (5, 0.5);
        assert!(found(&early).contains("only over the whole time span"));
        let decaying = |f: &mut StageFile| {
            f.optimiser = "adamw".into();
            f.decay = -1.0;
        };
        assert!(found(&decaying).contains("decay"));
        assert!(found(&|f| f.beta2 = 1.0).contains("beta2 must be 0 or more and less than 1"));
    }
}
