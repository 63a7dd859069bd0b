//! What the networks of a run have learned: asked of the engine, with bands from a stored answer.

use slopefield_api::Commands;
use slopefield_api::types::*;
use slopefield_worker::{Engine, Folders};
use std::path::Path;

/// A decay whose rate is left to a network, seen without error.
const MODEL: &str = "state x = 2\nnetwork n: mlp(inputs: 1, outputs: 1, hidden: [4])\nx' = -n(x/2)\n\
                     observe y = x with normal(0.01)\n";
const STUDY: &str = "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n[training]\nl2 = 1e-3\n\
                     [forecast]\nuntil = 6\n";

struct Place {
    folder: tempfile::TempDir,
    engine: Engine,
    run: RunSummary,
}

fn quiet() -> impl FnMut(Progress, Vec<f64>) + Send {
    |_, _| ()
}

fn place(model: &str) -> Place {
    place_with(model, |t| 2.0 * (-t).exp())
}

/// A project with a run on exact data of this curve.
fn place_with(model: &str, curve: impl Fn(f64) -> f64) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("model.slope", model);
    write("study.toml", STUDY);
    let rows = (0..=20).map(|k| f64::from(k) / 10.0).map(|t| format!("{t},{}\n", curve(t)));
    write("d.csv", &format!("t,y\n{}", rows.collect::<String>()));
    let engine = engine(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let out = path("p.slopefield");
    let request =
        FitRequest { study: path("study.toml"), out: Some(out.clone()), ..FitRequest::default() };
    engine.fit(request, &mut quiet()).unwrap();
    let view = engine.project_open(PathRequest { path: out }, &mut quiet()).unwrap().0;
    Place { folder, engine, run: view.runs[0].clone() }
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

/// The network has learned n(x) = x where it was asked, and the band of a stored answer holds it.
#[test]
fn curves_show_what_was_learned_with_bands_from_a_stored_answer() {
    let place = place(MODEL);
    let ask = || place.engine.terms(TermsRequest::default(), &mut quiet()).unwrap();
    let (reply, block) = ask();
    assert_eq!(reply.run.as_ref().map(|r| &r.id), Some(&place.run.id));
    let input = &reply.terms[0].inputs[0];
    assert_eq!((input.name.as_str(), reply.terms[0].outputs[0].as_str()), ("x", "n"));
    assert!((input.range[1] - 2.0).abs() < 1e-9 && (input.range[0] - 0.2707).abs() < 0.02);
    let (at, value) = (input.at.of(&block), input.curves[0].value.of(&block));
    for (x, y) in at.iter().zip(value).filter(|(x, _)| (0.3..=2.0).contains(*x)) {
        assert!((x - y).abs() < 0.1, "n({x}) = {y}");
    }
    assert!(input.curves[0].band.is_none() && reply.spread.is_none());
    let distance = &reply.terms[0].distances[0];
    assert_eq!(distance.trained_until, 2.0);
    let sentence = distance.sentence.as_ref().unwrap();
    assert!(
        sentence.contains("the network `n` is asked about states that it never saw"),
        "{sentence}"
    );

    let request = UncertaintyRequest {
        run: place.run.id.clone(),
        method: Some("laplace".into()),
        draws: Some(300),
        points: Some(11),
        ..UncertaintyRequest::default()
    };
    let (answer, _) = place.engine.uncertainty(request, &mut quiet()).unwrap();
    let whole = answer.result.whole.as_ref().unwrap();
    assert_eq!((whole.chains, whole.draws, whole.names.len()), (1, 100, 13));
    // The answer is newer than what is kept in memory.
    let (reply, block) = ask();
    assert_eq!(reply.spread.as_deref(), Some(answer.result.title.as_str()));
    let input = &reply.terms[0].inputs[0];
    let [low, high] = input.curves[0].band.unwrap().map(|s| s.of(&block).to_vec());
    let value = input.curves[0].value.of(&block);
    for (k, x) in input.at.of(&block).iter().enumerate() {
        assert!(low[k] < value[k] && value[k] < high[k], "{x}: {} {}", low[k], high[k]);
        if (0.4..=1.9).contains(x) {
            assert!(high[k] - low[k] < 0.5, "{x}: {} {}", low[k], high[k]);
            assert!(low[k] - 0.05 < *x && *x < high[k] + 0.05, "{x}: {} {}", low[k], high[k]);
        }
    }
}

#[test]
fn inputs_are_held_by_name_and_unknown_ones_refused() {
    let model = MODEL.replace("inputs: 1", "inputs: 2").replace("n(x/2)", "n(x/2, t)");
    let place = place(&model);
    let ask = |name: &str| {
        let held = [(name.to_owned(), 1.5)].into();
        place.engine.terms(TermsRequest { held, ..TermsRequest::default() }, &mut quiet())
    };
    let (reply, _) = ask("t").unwrap();
    assert_eq!(reply.terms[0].inputs[1].held, 1.5);
    let error = ask("y").unwrap_err();
    assert!(
        error.message.contains("no learned term has an input `y`; there are `x`, `t`"),
        "{error:?}"
    );
}

#[test]
fn a_model_without_networks_has_no_learned_terms() {
    let model = "state x = 2\nparam k = 1\nx' = -k*x\nobserve y = x with normal(0.01)\n";
    let place = place(model);
    let error = place.engine.terms(TermsRequest::default(), &mut quiet()).unwrap_err();
    assert!(error.message.contains("no learned term"), "{error:?}");
}

/// The law n(x) = x is written into the text of the open project, and the new run compared with the
/// old one.
#[test]
fn formulas_are_written_trained_and_compared_in_the_open_project() {
    let place = place(MODEL);
    let engine = &place.engine;
    let reply = engine.replace_terms(ReplaceRequest::default(), &mut quiet()).unwrap().0;
    assert!(reply.text.contains("x' = -(n_1*x)") && !reply.text.contains("network"), "{reply:?}");
    assert!(reply.comparison.is_empty() && reply.parameters.is_empty());
    let view = engine.project_edit(Edit::Model { text: reply.text }, &mut quiet()).unwrap().0;
    assert!(view.problem.ok && view.undo.is_some(), "{:?}", view.problem.problems);
    let request = TrainRequest { resume: None, from_run: None };
    let run = engine.train(request, &mut quiet()).unwrap().0;
    let runs = vec![place.run.id.clone(), run.id.clone()];
    let compared = engine.compare_runs(CompareRequest { runs }, &mut quiet()).unwrap().0;
    assert!(compared.differing.is_empty());
    let [old, new] = &compared.scores[..] else { panic!("{compared:?}") };
    assert_eq!((old.name.as_str(), new.name.as_str()), ("run 1", "run 2"));
    assert_eq!((old.parameters, new.parameters, old.points, new.points), (13, 1, 21, 21));
    for (score, free) in [(old, 13.0), (new, 1.0)] {
        let l = score.log_likelihood.unwrap();
        assert!((score.aic.unwrap() - (2.0 * free - 2.0 * l)).abs() < 1e-9);
        assert!((score.bic.unwrap() - (free * 21f64.ln() - 2.0 * l)).abs() < 1e-9);
    }
    // The data are exact: nothing is left of the squares, only the constants of 21 points.
    let best = 21.0 * -(0.01 * std::f64::consts::TAU.sqrt()).ln();
    assert!((new.log_likelihood.unwrap() - best).abs() < 1e-4, "{new:?}");
    let runs = vec!["9".into()];
    let error = engine.compare_runs(CompareRequest { runs }, &mut quiet()).unwrap_err();
    assert!(error.message.contains("no run `9`"), "{error:?}");
}

#[test]
fn the_page_of_a_run_has_its_learned_terms() {
    let place = place(MODEL);
    let out = place.folder.path().join("r.html").to_string_lossy().into_owned();
    let request = ReportRequest { out: Some(out.clone()), ..ReportRequest::default() };
    place.engine.report(request, &mut quiet()).unwrap();
    let page = std::fs::read_to_string(out).unwrap();
    for part in ["<h2>Learned terms</h2>", "never saw", "term0response0", "term0distance0"] {
        assert!(page.contains(part), "{part}");
    }
}

/// The curve of x' = -2 x exp(-x) from 2, whose rate rises before it falls, by Runge and Kutta's method.
fn slowed(t: f64) -> f64 {
    let f = |x: f64| -2.0 * x * (-x).exp();
    let (steps, mut x) = ((t * 200.0).round() as usize, 2.0);
    let h = t / steps.max(1) as f64;
    for _ in 0..steps {
        let a = f(x);
        let b = f(x + 0.5 * h * a);
        let c = f(x + 0.5 * h * b);
        let d = f(x + h * c);
        x += h / 6.0 * (a + 2.0 * b + 2.0 * c + d);
    }
    x
}

/// The search for formulas of any form tells how far it is. Stopped, it keeps what it found: the numbers of
/// its formulas go on meaning the same.
#[test]
fn a_search_for_formulas_tells_its_progress_and_can_be_stopped() {
    let place = place_with(MODEL, slowed);
    let open = &place.engine;
    let request = || TermsRequest { formulas: true, ..TermsRequest::default() };
    let mut shares = Vec::new();
    let mut stop = |progress: Progress, _: Vec<f64>| {
        let Progress::Working { what, share, left_s } = progress else { return };
        assert_eq!(what, "formulas");
        assert!(left_s.is_none_or(|s| s >= 0.0));
        shares.push(share);
        if shares.len() == 2 {
            open.job(JobRequest { action: JobAction::Stop }, &mut quiet()).unwrap();
        }
    };
    let (reply, _) = open.terms(request(), &mut stop).unwrap();
    assert!(shares.len() >= 2 && shares.iter().all(|s| (0.0..1.0).contains(s)), "{shares:?}");
    assert!(reply.notes.iter().any(|n| n.contains("search for formulas was stopped at")));
    let list = &reply.terms[0].formulas[0];
    assert_eq!(list.iter().filter(|f| f.recommended).count(), 1);
    // The same list again, at once, and the formula of that number in the text.
    let mut told = 0;
    let (again, _) = open.terms(request(), &mut |_, _| told += 1).unwrap();
    assert_eq!((&again.terms[0].formulas[0], told), (list, 0));
    let number = list.len();
    let choices = vec![FormulaChoice { output: "n".into(), formula: Some(number as u32) }];
    let request = ReplaceRequest { choices, ..ReplaceRequest::default() };
    let replaced = open.replace_terms(request, &mut quiet()).unwrap().0;
    assert_eq!(replaced.replaced, [("n".to_owned(), list[number - 1].text.clone())]);
    assert!(!replaced.text.contains("network"), "{}", replaced.text);
    // Another engine begins anew; stopped there, nothing is replaced by what is not the whole list.
    let other = engine(place.folder.path());
    let path = place.folder.path().join("p.slopefield").to_string_lossy().into_owned();
    let request = ReplaceRequest { project: Some(path), ..ReplaceRequest::default() };
    let mut stop = |progress: Progress, _: Vec<f64>| {
        if matches!(progress, Progress::Working { .. }) {
            // More may come after the search has ended.
            let _ = other.job(JobRequest { action: JobAction::Stop }, &mut quiet());
        }
    };
    let error = other.replace_terms(request, &mut stop).unwrap_err();
    assert!(error.message.contains("stopped before all formulas were found"), "{error:?}");
}
