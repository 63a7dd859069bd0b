//! The training of a study with gradients from whatever graphics card there is, a software one at least: the same
//! minimum as on the processor, whose loss it is.
#![cfg(feature = "gpu")]

use slopefield_adjoint::DiscreteAdjoint;
use slopefield_devices::{Site, Wanted, cards};
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::Settings;
use slopefield_study::scan::{Points, scan};
use slopefield_study::simulate::simulate_on;
use slopefield_study::{
    BuiltinSolvers, CompiledModel, OnDevice, Prepared, ScanOptions, SimulateOptions, StudyFile,
    TableData, Where,
};
use slopefield_train::{
    Control, Event, Fit, Lender, Methods, Objective, Problem, Start, train, train_elsewhere,
    train_from_many,
};
use slopefield_uncertainty::{Curvature, Refits, Resampling, bootstrap, ensemble};
use std::collections::BTreeMap;
use std::sync::Arc;

const MODEL: &str = "state x = a\nparam a = 1 in [0.1, 10]\nparam k = 0.4 in [0.01, 5]\nx' = -k*x\n\
                     observe x_seen = x\n";

fn prepared(device: &str, starts: u32) -> Prepared {
    let text = format!(
        "model = \"model.slope\"\n[data.points]\nfile = \"points.csv\"\ncolumns = {{ x_seen = \"x\" }}\n\
         [solver]\nmethod = \"tsit5\"\n[training]\ngradient = \"discrete\"\nstarts = {starts}\n\
         device = \"{device}\"\n"
    );
    let file: StudyFile = toml::from_str(&text).unwrap();
    let column = |name: &str, values: &[f64]| (name.to_owned(), values.to_vec());
    let table = TableData {
        numeric: vec![column("t", &[0.0, 1.0, 2.0, 3.0]), column("x", &[1.0, 0.6, f64::NAN, 0.22])],
        text: Vec::new(),
    };
    let tables = BTreeMap::from([("points".to_owned(), table)]);
    Prepared::new(MODEL, &file, &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

fn objective(prepared: &Prepared) -> Objective {
    objective_of(prepared.problem.clone())
}

fn objective_of(problem: Problem) -> Objective {
    let methods = Methods {
        gradient: Arc::new(|_| Box::new(DiscreteAdjoint::named("tsit5").unwrap())),
        stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
        replay: Arc::new(|_, _| None),
    };
    Objective::new(problem, methods).unwrap()
}

fn fit(device: &str, starts: u32) -> Fit {
    let prepared = prepared(device, starts);
    let mut shown = objective(&prepared);
    let place = OnDevice::choose(&prepared, &shown, Site::new(cards()));
    let (lender, recipe) = match &place {
        Where::Device(device) => {
            (Some(&**device as &dyn Lender), prepared.recipe.clone().for_elsewhere())
        }
        Where::Processor(_) => (None, prepared.recipe.clone()),
    };
    let make = || Ok(objective(&prepared));
    let (start, control) = (Start::Problem, Control::default());
    let emit = &mut |_: Event<'_>| {};
    match (&prepared.many, lender) {
        (None, None) => train(&mut shown, &recipe, start, &control, emit),
        (None, Some(lender)) => {
            train_elsewhere(&mut shown, (&make, lender), 2, &recipe, start, &control, emit)
        }
        (Some(many), lender) => {
            let fresh = |k| prepared.fresh(k);
            train_from_many(&make, &fresh, &recipe, many, start, &control, 2, lender, emit)
        }
    }
}

#[test]
fn training_on_a_card_comes_to_the_minimum_of_the_processor() {
    let found = cards().find();
    let name = &found.cards.first().expect("a Vulkan driver, software at least").name;
    for starts in [1, 4] {
        let (here, there) = (fit("cpu", starts), fit(name, starts));
        assert!(here.notes.iter().all(|(_, note)| !note.contains("single precision")));
        let said = format!("{name}, as asked for, computes the gradients");
        assert!(there.notes.iter().any(|(_, note)| note.starts_with(&said)), "{:?}", there.notes);
        for (there, here) in there.theta.iter().zip(&here.theta) {
            assert!((there - here).abs() <= 1e-4 * here.abs(), "{there}, not {here}");
        }
        assert!(
            (there.loss - here.loss).abs() <= 1e-6 * here.loss,
            "{}, {}",
            there.loss,
            here.loss
        );
    }
}

#[test]
fn what_no_card_computes_is_said_where_one_was_asked_for() {
    let why = |device: &str, solver: &str| {
        let mut prepared = prepared(device, 1);
        prepared.solver.0 = solver.to_owned();
        match OnDevice::choose(&prepared, &objective(&prepared), Site::new(cards())) {
            Where::Device(_) => panic!("a card computes"),
            Where::Processor(why) => why,
        }
    };
    assert_eq!(why("cpu", "tsit5"), None);
    // One trajectory leaves any card idle.
    assert_eq!(why("auto", "tsit5"), None);
    let said = why("no such card", "tsit5").unwrap();
    assert!(said.contains("no card is called `no such card`"), "{said}");
    let said = why("no such card", "rodas5p").unwrap();
    assert!(said.contains("rodas5p has no gradients on cards"), "{said}");
}

/// A scan on the card and one on the processor with a finer tolerance.
fn scanned(text: &str, axis: (&str, f64, f64), to: f64, said: &str) {
    let found = cards().find();
    let name = &found.cards.first().expect("a Vulkan driver, software at least").name;
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    let points = Points {
        names: vec![axis.0.to_owned()],
        values: vec![(0..20).map(|i| axis.1 + (axis.2 - axis.1) * f64::from(i) / 19.0).collect()],
    };
    let on = |wanted: Wanted, rtol: f64| {
        let simulate = SimulateOptions {
            from: 0.0,
            at: vec![0.5 * to, to],
            method: "auto".into(),
            paths: None,
            settings: Settings::with_tolerances(rtol, 1e-4 * rtol),
        };
        let options = ScanOptions { simulate, wanted, site: Site::new(cards()), progress: None };
        let p = model.start_params(1);
        scan(&model, (&p, &[]), &points, &options, &BuiltinSolvers).unwrap()
    };
    let there = on(Wanted::Named(name.clone()), 1e-4);
    assert_eq!(there.on_card, 20, "{:?}", there.sentences);
    assert!(there.sentences.iter().any(|s| s.contains(said)), "{:?}", there.sentences);
    let here = on(Wanted::Processor, 1e-8);
    assert_eq!((here.on_card, here.failed, there.failed), (0, 0, 0));
    for (there, here) in there.columns[0].iter().flatten().zip(here.columns[0].iter().flatten()) {
        assert!((there - here).abs() <= 1e-3 * here.abs(), "{there}, not {here}");
    }
}

#[test]
fn stiff_equations_are_scanned_on_a_card() {
    let robertson = "state a = 1\nstate b = 0\nstate c = 0\nparam k = 0.04\na' = -k*a + 1e4*b*c\n\
                     b' = k*a - 1e4*b*c - 3e7*b^2\nc' = 3e7*b^2\n";
    scanned(robertson, ("k", 0.03, 0.05), 40.0, "the card solves by rodas5p");
}

#[test]
fn doses_at_given_times_are_scanned_on_a_card() {
    let doses = "state x = 1\nparam k = 0.5\nx' = -k*x\nat [2]: x += 1\nevery 3 from 1: x += 0.5\n";
    scanned(doses, ("k", 0.2, 1.0), 10.0, "the card solves by tsit5");
}

/// 240 states are more than a thread of a card holds.
#[test]
fn many_states_are_scanned_on_a_card() {
    let ring = "const N = 240\nstate u[N] = 0.4\nparam k = 1.2\n\
                u[i]' = k*(u[wrap(i + 1)] - u[i]) + 1.5 + sin(3*t + 0.1*i) - 0.1*u[i]^3 for i in 1..N\n";
    scanned(
        ring,
        ("k", 0.5, 1.5),
        2.0,
        "as asked for; by batched solves, because a trajectory needs",
    );
}

/// A decay with noise, so that refits scatter.
fn noisy(device: &str) -> Prepared {
    let model = MODEL.replace("observe x_seen = x", "observe x_seen = x with normal(0.05)");
    let text = format!(
        "model = \"model.slope\"\n[data.points]\nfile = \"points.csv\"\ncolumns = {{ x_seen = \"x\" }}\n\
         [solver]\nmethod = \"tsit5\"\n[training]\ngradient = \"discrete\"\ndevice = \"{device}\"\n"
    );
    let file: StudyFile = toml::from_str(&text).unwrap();
    let t: Vec<f64> = (0..12).map(|i| 0.5 * f64::from(i)).collect();
    let x = t.iter().map(|t| 1.1 * (-0.5 * t).exp() + 0.05 * (7.0 * t).sin()).collect();
    let table = TableData { numeric: vec![("t".into(), t), ("x".into(), x)], text: Vec::new() };
    let tables = BTreeMap::from([("points".to_owned(), table)]);
    Prepared::new(&model, &file, &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

/// Fits to data drawn anew, or trainings from other starts.
fn refits(prepared: &Prepared, resampling: Option<Resampling>) -> Refits {
    let control = Control::default();
    let mut shown = objective(prepared);
    let emit = &mut |_: Event<'_>| {};
    let fit = train(&mut shown, &prepared.recipe, Start::Problem, &control, emit);
    let curvature = Curvature::at(&mut shown, &fit.theta, &control).unwrap();
    let tell = |_: u64, _: u64| {};
    let site = Site::new(cards());
    match resampling {
        Some(resampling) => {
            let place = OnDevice::refits(prepared, &shown, site, 40);
            let (lender, _) = place.lender();
            let make = |problem: Option<Problem>| {
                Ok::<_, String>(objective_of(problem.unwrap_or_else(|| prepared.problem.clone())))
            };
            bootstrap(&make, &curvature, resampling, 40, 7, lender, &control, &tell).unwrap()
        }
        None => {
            let place = OnDevice::trainings(prepared, &shown, site, 6);
            let (lender, _) = place.lender();
            let make = || Ok::<_, String>(objective(prepared));
            let recipe = &prepared.recipe;
            ensemble(&make, &curvature, recipe, 0.5, 6, 7, lender, &control, &tell).unwrap()
        }
    }
}

/// Refit by refit what the processor finds: a card leads the way, the processor ends it.
#[test]
fn refits_on_a_card_are_those_of_the_processor() {
    let found = cards().find();
    let name = &found.cards.first().expect("a Vulkan driver, software at least").name;
    let (here, there) = (noisy("cpu"), noisy(name));
    for (resampling, within) in [
        (Some(Resampling::Parametric), 1e-4),
        (Some(Resampling::Residual), 1e-4),
        (Some(Resampling::Case), 1e-4),
        // Stages end where they end: not all at the same digit.
        (None, 1e-2),
    ] {
        let (want, got) = (refits(&here, resampling), refits(&there, resampling));
        assert!(want.news.is_empty(), "{:?}", want.news);
        let said = format!("{name}, as asked for, computes the gradients");
        assert!(got.news.len() == 1 && got.news[0].starts_with(&said), "{:?}", got.news);
        assert_eq!((got.failed, got.rejected, got.thetas.len()), (0, 0, want.thetas.len()));
        for i in 0..2 {
            let values = |r: &Refits| r.thetas.iter().map(|t| t[i]).collect::<Vec<_>>();
            let (want, got) = (values(&want), values(&got));
            let mean = want.iter().sum::<f64>() / want.len() as f64;
            let scatter = want.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
            // Of trainings of one minimum the scatter is nothing; a standard error is about this.
            let sd = (scatter / want.len() as f64).sqrt().max(0.02);
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= within * sd, "{resampling:?} {i}: {got}, not {want}");
            }
        }
    }
}

/// A geometric Brownian motion has `E x = exp(a t)` and `Var x = exp(2 a t) (exp(s² t) − 1)`. The card's paths have
/// the motion of the processor's, so that their moments are nearer to each other than chance would have them.
#[test]
fn moments_of_paths_on_a_card_are_those_of_the_processor() {
    let found = cards().find();
    let name = &found.cards.first().expect("a Vulkan driver, software at least").name;
    let text = "state x = 1\nparam a = 0.4\nparam s = 0.5\nnoise W\nx' = a*x + s*x*W'\n";
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    const COUNT: u32 = 4000;
    let at = vec![0.5, 1.0, 2.0];
    for method in ["em", "sosri"] {
        let on = |wanted: Option<&Wanted>| {
            let options = SimulateOptions {
                from: 0.0,
                at: at.clone(),
                method: method.into(),
                paths: Some(COUNT),
                settings: Settings { seed: 5, ..Settings::with_tolerances(1e-3, 1e-5) },
            };
            let site = Site::new(cards());
            let on = wanted.map(|wanted| (wanted, &site));
            let start = (&[0.4, 0.5][..], &[1.0][..]);
            simulate_on(&model, start, &options, on, &BuiltinSolvers).unwrap()
        };
        let (here, there) = (on(None), on(Some(&Wanted::Named(name.clone()))));
        assert!(here.notes.iter().all(|note| !note.contains("card")), "{:?}", here.notes);
        let said = format!("{name}, as asked for");
        assert!(there.notes.contains(&said), "{:?}", there.notes);
        assert!(there.notes.iter().any(|note| note.contains("steps on the card")));
        for (k, t) in at.iter().enumerate() {
            let (mean, variance) = ((0.4 * t).exp(), (0.8 * t).exp() * ((0.25 * t).exp() - 1.0));
            let error = (variance / f64::from(COUNT)).sqrt();
            let (got, want) = (there.states[0][k], here.states[0][k]);
            println!("{method}, {t}: {got} and {want}, exactly {mean}, by chance ±{error}");
            assert!((got - mean).abs() <= 4.0 * error, "{method}, {t}: {got}, not {mean}");
            assert!((got - want).abs() <= 0.5 * error, "{method}, {t}: {got} and {want}");
            // The deviation of so skewed a variable is known to a few hundredths.
            let (got, want) = (there.spreads[0][k], here.spreads[0][k]);
            assert!((got / variance.sqrt() - 1.0).abs() <= 0.15, "{method}, {t}: {got}");
            assert!((got / want - 1.0).abs() <= 0.02, "{method}, {t}: {got} and {want}");
        }
    }
}
