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
        bundled_plugins: vec![],
        plugins: vec![],
        plugin_cache: folder.join("plugin-cache"),
        drafts: folder.join("drafts"),
        settings: folder.join("settings"),
        for_plugins: vec![],
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
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
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

/// Numbers of the first array called `key` in the figure with an id.
fn numbers_of(page: &str, figure: &str, key: &str) -> Vec<f64> {
    let rest = &page[page.find(&format!("id=\"{figure}\"")).unwrap()..];
    let opening = format!("\"{key}\":[");
    let rest = &rest[rest.find(&opening).unwrap() + opening.len()..];
    rest[..rest.find(']').unwrap()].split(',').map(|x| x.parse().unwrap()).collect()
}

#[test]
fn the_page_of_a_run_has_residuals_and_after_asking_bands_and_intervals() {
    let (place, run) = place(MODEL);
    let quiet = &mut |_: Progress, _: Vec<f64>| ();
    let page = |quiet: &mut (dyn FnMut(Progress, Vec<f64>) + Send)| {
        let path = place.engine.report(ReportRequest::default(), quiet).unwrap().0.path;
        std::fs::read_to_string(path).unwrap()
    };
    let before = page(quiet);
    assert!(before.contains("It has no band: how sure it is has not been asked."));
    assert!(!before.contains("<h2>How sure</h2>"));

    // The fit is the mean 1.3 of the four points trained on, whose distances have the root mean
    // square √0.185; normal numbers in the middle of four equal shares lie at ±1.1503 and ±0.3186.
    let scale = 0.185f64.sqrt();
    let expected = [-0.1, -0.6, 0.6, 0.1].map(|r| r / scale);
    let found = numbers_of(&before, "residuals", "y");
    assert_eq!(found.len(), 4);
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
    let across = numbers_of(&before, "quantiles", "x");
    let up = numbers_of(&before, "quantiles", "y");
    for (found, expected) in across.iter().zip([
        -1.150_349_380_376_008_3,
        -0.318_639_363_964_375_15,
        0.318_639_363_964_375_15,
        1.150_349_380_376_008_3,
    ]) {
        assert!((found - expected).abs() < 1e-12, "{across:?}");
    }
    assert!(up.windows(2).all(|w| w[0] <= w[1]) && up.len() == 4, "{up:?}");

    place.engine.uncertainty(request(&run), quiet).unwrap();
    let after = page(quiet);
    for part in [
        "The dark bands hold the model",
        "It holds 4 of 4 points trained on. It holds 1 of 2 points held out.",
        "y, 90 % of measurements",
        "<h2>How sure</h2>",
        "<th>effective draws</th>",
        "Draws from the posterior (NUTS).",
    ] {
        assert!(after.contains(part), "{part}");
    }
    // The outermost band is drawn first: there and back over all its times.
    let there_and_back = numbers_of(&after, "fit0", "x");
    assert_eq!(there_and_back.len() % 2, 0);
    assert_eq!(there_and_back.first(), there_and_back.last());
}

/// A study with a network, log-normal noise and a hold-out: weights are drawn and not kept, and a
/// measurement scatters more than the model's value.
#[test]
fn of_a_network_the_scalars_are_kept_and_measurements_scatter_more_than_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let quiet = &mut |_: Progress, _: Vec<f64>| ();
    let study =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hudson-bay-neural/study.toml");
    let path = folder.path().join("n.slopefield").to_string_lossy().into_owned();
    let request = FitRequest {
        study: study.to_string_lossy().into_owned(),
        out: Some(path.clone()),
        iterations: Some(40),
        ..FitRequest::default()
    };
    engine.fit(request, quiet).unwrap();
    let run = engine.project_open(PathRequest { path }, quiet).unwrap().0.runs[0].id.clone();
    let request = UncertaintyRequest {
        run: run.clone(),
        chains: Some(1),
        warmup: Some(20),
        draws: Some(10),
        points: Some(21),
        ..UncertaintyRequest::default()
    };
    let (view, block) = engine.uncertainty(request, quiet).unwrap();
    let fitted = engine.run_view(RunRequest { run }, quiet).unwrap().0.parameters;
    let result = view.result;
    let names: Vec<_> = result.parameters.iter().map(|p| &p.name).collect();
    assert_eq!(names, fitted.iter().map(|p| &p.name).collect::<Vec<_>>());
    assert_eq!(names, result.draws.as_ref().unwrap().names.iter().collect::<Vec<_>>());
    for (found, fitted) in result.parameters.iter().zip(&fitted) {
        assert_eq!((found.fitted, &found.unit), (Some(fitted.value), &fitted.unit));
    }
    assert_eq!(result.bands.len(), 2);
    for band in &result.bands {
        let at = |s: Slice| value(s, &block);
        let [low, high] = band.measured.unwrap().map(at);
        let (inner, outer) = (at(band.value[0]), at(band.value[4]));
        for row in 0..low.len() {
            assert!(low[row] > 0.0 && low[row] <= inner[row] && outer[row] <= high[row], "{row}");
        }
    }
    assert!(result.coverage.iter().any(|c| c.held_out && c.points > 0), "{:?}", result.coverage);
}

#[test]
fn the_other_methods_give_the_known_posterior_too() {
    let (place, run) = place(MODEL);
    for (method, draws, title) in [("laplace", 2000, "Laplace"), ("bootstrap", 400, "bootstrap")] {
        let asked =
            UncertaintyRequest { method: Some(method.into()), draws: Some(draws), ..request(&run) };
        let (view, block) = place.engine.uncertainty(asked, &mut |_, _| ()).unwrap();
        let result = &view.result;
        assert_eq!(view.summary.method, method);
        assert!(result.title.contains(title), "{}", result.title);
        assert!(result.warnings.is_empty(), "{:?}", result.warnings);
        let m = &result.parameters[0];
        assert!(m.chains.is_none());
        // Four standard errors of the mean and of the standard deviation of so many draws.
        let root = f64::from(draws).sqrt();
        assert!((m.mean.unwrap() - 1.3).abs() < 4.0 * 0.25 / root, "{method}: {m:?}");
        assert!((m.sd.unwrap() / 0.25 - 1.0).abs() < 4.0 / (2.0_f64.sqrt() * root), "{m:?}");
        let kept = result.draws.as_ref().unwrap();
        assert_eq!((kept.chains, kept.draws, kept.every), (1, draws, 1));
        let band = &result.bands[0];
        let width = value(band.value[4], &block)[3] - value(band.value[0], &block)[3];
        assert!((width / (2.0 * Q95 * 0.25) - 1.0).abs() < 0.15, "{method}: {width}");
    }
    let listed = place.engine.uncertainty_list(RunRequest { run: run.id.clone() }, &mut |_, _| ());
    let methods: Vec<String> =
        listed.unwrap().0.answers.into_iter().map(|answer| answer.method).collect();
    assert_eq!(methods, ["bootstrap", "laplace"]);
}

#[test]
fn what_the_data_do_not_fix_is_said_with_the_normal_distribution() {
    let (place, run) = place(
        "state x = a*b\nparam a = 1\nparam b = 1.2\nx' = 0\nobserve y = x with normal(0.5)\n",
    );
    let asked = UncertaintyRequest { method: Some("laplace".into()), ..request(&run) };
    let warnings = place.engine.uncertainty(asked, &mut |_, _| ()).unwrap().0.result.warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().all(|w| w.contains("product")), "{warnings:?}");
}

/// Refits along the only parameter give the quantiles of the known normal distribution, and no bands.
#[test]
fn profiles_give_the_known_interval_and_no_bands() {
    let (place, run) = place(MODEL);
    let asked = UncertaintyRequest { method: Some("profile".into()), ..request(&run) };
    let (view, block) = place.engine.uncertainty(asked, &mut |_, _| ()).unwrap();
    let result = &view.result;
    assert_eq!(view.summary.method, "profile");
    assert!(result.bands.is_empty() && result.coverage.is_empty() && result.draws.is_none());
    let m = &result.parameters[0];
    for (found, z) in m.quantiles.iter().zip([-Q95, -0.674_489_75, 0.0, 0.674_489_75, Q95]) {
        assert!((found.unwrap() - (1.3 + 0.25 * z)).abs() < 1e-4, "{m:?}");
    }
    let profile = &result.profiles[0];
    assert_eq!((profile.name.as_str(), profile.verdict.as_str()), ("m", "identifiable"));
    let [low, high] = profile.interval.unwrap();
    assert!((low - (1.3 - 1.959_964 * 0.25)).abs() < 1e-4, "{profile:?}");
    assert!((high - (1.3 + 1.959_964 * 0.25)).abs() < 1e-4, "{profile:?}");
    // Twice the loss is a parabola.
    for (x, rise) in value(profile.values, &block).iter().zip(value(profile.rises, &block)) {
        assert!((rise - ((x - 1.3) / 0.25).powi(2)).abs() < 1e-5, "{x} {rise}");
    }
    let again = UncertaintyChoice { id: view.summary.id.clone() };
    assert_eq!(place.engine.uncertainty_view(again, &mut |_, _| ()).unwrap().0, view);
}

/// Every training finds the only optimum.
#[test]
fn trainings_from_other_starts_are_an_answer() {
    let (place, run) = place(MODEL);
    let method = Some("ensemble".into());
    let asked = UncertaintyRequest { method, draws: Some(4), ..request(&run) };
    let (view, _) = place.engine.uncertainty(asked, &mut |_, _| ()).unwrap();
    let m = &view.result.parameters[0];
    assert!((m.mean.unwrap() - 1.3).abs() < 1e-4 && m.sd.unwrap() < 1e-3, "{m:?}");
    assert_eq!(view.result.draws.as_ref().unwrap().draws, 5);
    assert!(view.result.warnings[0].contains("5 fits are few"), "{:?}", view.result.warnings);
    let asked = UncertaintyRequest { method: Some("guess".into()), ..request(&run) };
    let error = place.engine.uncertainty(asked, &mut |_, _| ()).unwrap_err();
    assert!(error.message.contains("`profile` and `ensemble`"), "{error:?}");
}
