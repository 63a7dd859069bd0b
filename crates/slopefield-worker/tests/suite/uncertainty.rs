//! How sure a run is: asked of the engine, stored, listed, read again, deleted.

use slopefield_api::Commands;
use slopefield_api::types::*;
use slopefield_worker::{Engine, Folders};
use std::path::Path;

/// A constant with known noise: the posterior is normal around the mean of the points that are not
/// held out, 0.5/√4 wide; a new point scatters around it by √(0.25² + 0.5²).
const MODEL: &str = "state x = m\nparam m = 1\nx' = 0\nobserve y = x with normal(0.5)\n";
const TABLE: &str = "t,y\n0,1.2\n1,0.7\n2,1.9\n3,1.4\n4,9\n5,1.5\n";
/// 95 % quantile of the standard normal distribution.
const Q95: f64 = 1.644_853_626_951_472_6;

struct Place {
    folder: tempfile::TempDir,
    engine: Engine,
}

fn engine(folder: &Path) -> Engine {
    Engine::new(Folders {
        examples: None,
        plugins: vec![],
        drafts: folder.join("drafts"),
        settings: folder.join("settings"),
    })
}

/// A project with one run, open in an engine.
fn place(model: &str) -> (Place, RunSummary) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("model.slope", model);
    write("d.csv", TABLE);
    write(
        "study.toml",
        "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n\
         [[experiment]]\nname = \"d\"\ndata = \"d\"\nhold_out = \"3.5..\"\n",
    );
    let engine = engine(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let out = path("p.slopefield");
    let request =
        FitRequest { study: path("study.toml"), out: Some(out.clone()), ..FitRequest::default() };
    engine.fit(request, &mut |_, _| ()).unwrap();
    let view = engine.project_open(PathRequest { path: out }, &mut |_, _| ()).unwrap().0;
    let run = view.runs[0].clone();
    (Place { folder, engine }, run)
}

fn request(run: &RunSummary) -> UncertaintyRequest {
    UncertaintyRequest { run: run.id.clone(), points: Some(11), ..UncertaintyRequest::default() }
}

fn value(slice: Slice, block: &[f64]) -> Vec<f64> {
    slice.of(block).to_vec()
}

#[test]
fn parameters_bands_and_coverage_are_those_of_the_known_posterior() {
    let (place, run) = place(MODEL);
    let mut progress = Vec::new();
    let (view, block) =
        place.engine.uncertainty(request(&run), &mut |p, _| progress.push(p)).unwrap();
    let result = &view.result;
    assert_eq!((view.summary.method.as_str(), &view.summary.run), ("nuts", &run.id));
    assert_eq!(result.warnings, [String::new(); 0]);
    let m = &result.parameters[0];
    let chains = m.chains.as_ref().unwrap();
    assert_eq!(m.name, "m");
    assert!((m.fitted.unwrap() - 1.3).abs() < 1e-6, "{m:?}");
    assert!((m.mean.unwrap() - 1.3).abs() < 4.0 * chains.standard_error.unwrap(), "{m:?}");
    assert!((m.sd.unwrap() / 0.25 - 1.0).abs() < 0.1, "{m:?}");
    for (found, z) in m.quantiles.iter().zip([-Q95, -0.674_489_75, 0.0, 0.674_489_75, Q95]) {
        assert!((found.unwrap() - (1.3 + 0.25 * z)).abs() < 0.05, "{m:?}");
    }

    // The model is constant: its bands are the quantiles of the parameter at every time, those of
    // a measurement are wider by the noise.
    let band = &result.bands[0];
    let times = value(band.times, &block);
    assert!(times.contains(&4.0) && times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
    let spread = (0.25f64 * 0.25 + 0.5 * 0.5).sqrt();
    let [low, high] = band.measured.unwrap().map(|s| value(s, &block));
    for row in 0..times.len() {
        let at: Vec<f64> = band.value.iter().map(|s| value(*s, &block)[row]).collect();
        assert!(at.windows(2).all(|w| w[0] <= w[1]), "{at:?}");
        assert!((at[0] - (1.3 - 0.25 * Q95)).abs() < 0.06, "{at:?}");
        assert!((at[4] - (1.3 + 0.25 * Q95)).abs() < 0.06, "{at:?}");
        assert!((low[row] - (1.3 - spread * Q95)).abs() < 0.06, "{low:?}");
        assert!((high[row] - (1.3 + spread * Q95)).abs() < 0.06, "{high:?}");
    }
    // All four trained on lie inside; of the held out, 9 is far away and 1.5 is not.
    let covered: Vec<_> =
        result.coverage.iter().map(|c| (c.held_out, c.inside, c.points)).collect();
    assert_eq!(covered, [(false, 4, 4), (true, 1, 2)]);

    let draws = result.draws.as_ref().unwrap();
    assert_eq!((draws.chains, draws.draws, draws.every), (4, 1000, 1));
    let all = value(draws.values, &block);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    assert!((mean - m.mean.unwrap()).abs() < 1e-12, "{mean}");
    let last = progress.last().unwrap();
    assert!(matches!(last, Progress::Sampling { done: 6000, total: 6000, .. }), "{last:?}");
}

#[test]
fn answers_stay_with_the_run_after_closing_and_go_when_deleted() {
    let (place, run) = place(MODEL);
    let few = |seed| UncertaintyRequest {
        chains: Some(1),
        warmup: Some(50),
        draws: Some(40),
        seed: Some(seed),
        ..request(&run)
    };
    let quiet = &mut |_: Progress, _: Vec<f64>| ();
    let (first, numbers) = place.engine.uncertainty(few(1), quiet).unwrap();
    let (second, _) = place.engine.uncertainty(few(2), quiet).unwrap();
    let (again, same) = place.engine.uncertainty(few(1), quiet).unwrap();
    assert_eq!((&again.result.parameters, &same), (&first.result.parameters, &numbers));
    assert!(first.result.warnings.iter().any(|w| w.contains("fewer than 400 effective draws")));
    place.engine.project_close(Empty {}, quiet).unwrap();

    let engine = engine(place.folder.path());
    let path = place.folder.path().join("p.slopefield").to_string_lossy().into_owned();
    engine.project_open(PathRequest { path }, quiet).unwrap();
    let of_run = || RunRequest { run: run.id.clone() };
    let listed = engine.uncertainty_list(of_run(), quiet).unwrap().0;
    assert_eq!(listed.answers, [again.summary, second.summary.clone(), first.summary.clone()]);
    let choice = |of: &UncertaintySummary| UncertaintyChoice { id: of.id.clone() };
    let (read, block) = engine.uncertainty_view(choice(&first.summary), quiet).unwrap();
    assert_eq!((&read, &block), (&first, &numbers));

    let left = engine.uncertainty_delete(choice(&first.summary), quiet).unwrap().0;
    assert_eq!(left.answers.len(), 2);
    let gone = engine.uncertainty_view(choice(&first.summary), quiet).unwrap_err();
    assert!(gone.message.contains("no result"), "{gone}");
    assert!(slopefield_project::verify(place.folder.path().join("p.slopefield")).is_err());
    engine.project_close(Empty {}, quiet).unwrap();
    assert!(slopefield_project::verify(place.folder.path().join("p.slopefield")).unwrap().ok);
}

#[test]
fn what_cannot_be_answered_is_refused_and_nothing_is_stored() {
    let quiet = &mut |_: Progress, _: Vec<f64>| ();
    let (bare, run) = place(&MODEL.replace(" with normal(0.5)", ""));
    let refused = bare.engine.uncertainty(request(&run), quiet).unwrap_err();
    assert!(refused.message.contains("observation y has no noise model"), "{refused}");

    let (place, run) = place(MODEL);
    let other = UncertaintyRequest { method: Some("guess".into()), ..request(&run) };
    let refused = place.engine.uncertainty(other, quiet).unwrap_err();
    assert!(refused.message.contains("no method `guess`"), "{refused}");
    let none = UncertaintyRequest { draws: Some(2), ..request(&run) };
    assert!(place.engine.uncertainty(none, quiet).is_err());
    let missing = UncertaintyRequest { run: "x".into(), ..request(&run) };
    assert!(place.engine.uncertainty(missing, quiet).is_err());
    let listed = place.engine.uncertainty_list(RunRequest { run: run.id }, quiet).unwrap().0;
    assert_eq!(listed.answers, []);
}

#[test]
fn a_stop_keeps_the_draws_there_are_and_says_so() {
    let (place, run) = place(MODEL);
    let many = UncertaintyRequest {
        chains: Some(1),
        warmup: Some(50),
        draws: Some(2_000_000),
        ..request(&run)
    };
    let engine = &place.engine;
    let mut stopped = false;
    let stop = &mut |p: Progress, _: Vec<f64>| {
        if !stopped && matches!(p, Progress::Sampling { done, .. } if done > 200) {
            stopped = true;
            engine.job(JobRequest { action: JobAction::Stop }, &mut |_, _| ()).unwrap();
        }
    };
    let view = engine.uncertainty(many, stop).unwrap().0;
    assert!(view.result.cancelled);
    assert!(view.result.warnings[0].contains("was stopped"), "{:?}", view.result.warnings);
    let draws = view.result.draws.unwrap();
    assert!(draws.draws > 100 && draws.draws * draws.every < 2_000_000, "{draws:?}");
}
