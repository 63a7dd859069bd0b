//! Scans for pictures, against the solution of a decay that everybody knows.

use slopefield_api::types::*;
use slopefield_api::{Code, Commands};
use slopefield_worker::{Engine, Folders};
use std::path::Path;
use std::sync::Mutex;

/// x = 2 exp(-k t).
const DECAY: &str = "state x = 2\nparam k = 1\nx' = -k*x\nobserve twice = 2*x\n";

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

fn quiet() -> impl FnMut(Progress, Vec<f64>) + Send {
    |_, _| ()
}

fn request(axis: ScanAxis) -> ScanRequest {
    let simulate = SimulateRequest {
        text: DECAY.into(),
        to: Some(3.0),
        rtol: Some(1e-10),
        atol: Some(1e-12),
        ..SimulateRequest::default()
    };
    ScanRequest { simulate, axes: vec![axis], numbers: Some(1 << 23), ..ScanRequest::default() }
}

fn axis(from: f64, to: f64, count: u32) -> ScanAxis {
    ScanAxis { name: "k".into(), from, to, count, log: false }
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-8, "{found} {expected}");
}

#[test]
fn an_overview_has_bands_ends_and_curves() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let shares = Mutex::new(Vec::new());
    let mut emit = |progress: Progress, _: Vec<f64>| {
        let Progress::Working { what, share, .. } = progress else { panic!("{progress:?}") };
        assert_eq!(what, "trajectories");
        shares.lock().unwrap().push(share);
    };
    let (found, block) = engine.scan_overview(request(axis(0.0, 2.0, 21)), &mut emit).unwrap();
    let shares = shares.into_inner().unwrap();
    assert!(!shares.is_empty() && shares.iter().all(|s| (0.0..=1.0).contains(s)), "{shares:?}");
    assert_eq!((found.count, found.failed, found.shown.len()), (21, 0, 21));
    assert!(found.notes[0].contains("processor"), "{:?}", found.notes);
    let times = found.times.of(&block);
    assert_eq!((times.len(), times[0], times[200]), (201, 0.0, 3.0));
    let names: Vec<&str> = found.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["x", "twice"]);
    let (x, twice) = (&found.columns[0], &found.columns[1]);
    // Of 21 values of k the limits of the bands are the solutions of five, the largest k lowest.
    for (slice, k) in x.quantiles.iter().zip([1.9, 1.5, 1.0, 0.5, 0.1]) {
        for (q, t) in slice.of(&block).iter().zip(times) {
            close(*q, 2.0 * (-k * t).exp());
        }
    }
    for (i, k) in found.points[0].values.of(&block).iter().enumerate() {
        close(*k, 0.1 * i as f64);
        close(x.last.of(&block)[i], 2.0 * (-3.0 * k).exp());
        close(twice.last.of(&block)[i], 4.0 * (-3.0 * k).exp());
        close(x.least.of(&block)[i], 2.0 * (-3.0 * k).exp());
        assert_eq!(x.greatest.of(&block)[i], 2.0);
        close(x.curves.of(&block)[201 * i + 100], 2.0 * (-1.5 * k).exp());
    }
}

/// What is not reached is no number, and counts nowhere: 1/(1 - k t) ends at t = 1/k.
#[test]
fn trajectories_that_fail_leave_bands_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(axis(0.11, 1.01, 10));
    request.simulate.text = "state x = 1\nparam k = 1\nx' = k*x^2\n".into();
    (request.simulate.to, request.simulate.points) = (Some(2.0), Some(3));
    let (found, block) = engine(folder.path()).scan_overview(request, &mut quiet()).unwrap();
    assert_eq!(found.failed, 6);
    let x = &found.columns[0];
    let reached = x.last.of(&block).iter().filter(|x| x.is_finite()).count();
    assert_eq!(reached, 4);
    let [.., high] = x.quantiles.map(|q| q.of(&block)[2]);
    // Of the four values that there are, 95 of 100 lie below this place between the two largest.
    let [third, fourth] = [0.31, 0.41].map(|k| 1.0 / (1.0 - 2.0 * k));
    assert!((high - (third + 0.85 * (fourth - third))).abs() < 1e-6, "{high}");
    assert!(x.greatest.of(&block)[9].is_finite());
}

#[test]
fn values_of_chance_follow_from_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let ask = |seed: u64| {
        let mut request = request(axis(1.0, 2.0, 0));
        (request.random, request.simulate.seed) = (Some(50), Some(seed));
        let (found, block) = engine.scan_overview(request, &mut quiet()).unwrap();
        let k = found.points[0].values.of(&block).to_vec();
        for (k, x) in k.iter().zip(found.columns[0].last.of(&block)) {
            close(*x, 2.0 * (-3.0 * k).exp());
        }
        k
    };
    let k = ask(1);
    assert_eq!(k.len(), 50);
    assert!(k.iter().all(|k| (1.0..2.0).contains(k)));
    assert_eq!(k, ask(1));
    assert_ne!(k, ask(2));
}

#[test]
fn the_numbers_of_an_overview_are_saved_as_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let file = folder.path().join("scan.csv");
    let path = || PathRequest { path: file.to_string_lossy().into_owned() };
    let none = engine.scan_save(path(), &mut quiet()).unwrap_err();
    assert!(none.message.contains("no numbers of a scan"), "{none:?}");
    let mut asked = request(axis(0.5, 1.0, 2));
    asked.simulate.points = Some(3);
    engine.scan_overview(asked, &mut quiet()).unwrap();
    engine.scan_save(path(), &mut quiet()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("k,t,x,twice"));
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 6);
    for (i, row) in rows.iter().enumerate() {
        assert_eq!((row[0], row[1]), ([0.5, 1.0][i / 3], [0.0, 1.5, 3.0][i % 3]));
        close(row[2], 2.0 * (-row[0] * row[1]).exp());
        assert_eq!(row[3], 2.0 * row[2]);
    }
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|f| {
                f.as_ref().is_ok_and(|f| f.file_name().to_string_lossy().ends_with(".part"))
            })
            .count(),
        0
    );
    // A folder that is not there, and a project that takes the place of the one it was of.
    let nowhere = folder.path().join("nowhere/scan.csv");
    let nowhere = PathRequest { path: nowhere.to_string_lossy().into_owned() };
    let refused = engine.scan_save(nowhere, &mut quiet()).unwrap_err();
    assert_eq!(refused.code, Code::File);
    engine.project_new(Empty {}, &mut quiet()).unwrap();
    assert!(engine.scan_save(path(), &mut quiet()).is_err());
}

#[test]
fn times_are_fewer_where_trajectories_are_many() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let ask = |numbers: u32| {
        let mut request = request(axis(0.1, 2.0, 1000));
        request.numbers = Some(numbers);
        engine.scan_overview(request, &mut quiet())
    };
    // 1000 trajectories of two columns.
    let (found, block) = ask(21_000).unwrap();
    assert_eq!(found.times.of(&block).len(), 10);
    let (x, k) = (found.columns[0].last.of(&block), found.points[0].values.of(&block));
    x.iter().zip(k).for_each(|(x, k)| close(*x, 2.0 * (-3.0 * k).exp()));
    let refused = ask(3999).unwrap_err();
    assert!(refused.message.contains("at most 999 are shown"), "{refused:?}");
    assert!(refused.advice.is_some_and(|advice| advice.contains("command line")));
}

#[test]
fn a_scan_is_stopped_and_simulations_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    // Fast oscillations for a long time: hours, unless it is stopped.
    let mut request = request(axis(1.0, 2.0, 5000));
    request.simulate.text =
        "state x = 1\nstate v = 0\nparam k = 1\nx' = 1e4*v\nv' = -1e4*k*x\n".into();
    request.simulate.to = Some(1e4);
    request.simulate.method = Some("tsit5".into());
    let (stopped, began) = (&Mutex::new(false), std::time::Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !*stopped.lock().unwrap() {
                engine.simulate_stop(Empty {}, &mut quiet()).unwrap();
                if began.elapsed().as_secs_f64() > 0.3 {
                    engine.scan_stop(Empty {}, &mut quiet()).unwrap();
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let error = engine.scan_overview(request, &mut quiet()).unwrap_err();
        *stopped.lock().unwrap() = true;
        assert_eq!(error.code, Code::Cancelled);
    });
    let took = began.elapsed().as_secs_f64();
    assert!((0.3..30.0).contains(&took), "{took}");
}
