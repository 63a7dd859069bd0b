//! `slopefield simulate --scan` and `--each`: values against solutions that are known.
use crate::common;

use common::{DECAY, Place, close, number, table};

fn with(model: &str) -> Place {
    let place = Place::new();
    place.write("model.slope", model);
    place
}

const TIGHT: [&str; 4] = ["--rtol", "1e-10", "--atol", "1e-12"];

#[test]
fn a_scan_prints_the_end_of_each_trajectory() {
    let place = with(DECAY);
    let scan = ["simulate", "model.slope", "--to", "2", "--scan", "k=0.1:1.1:11"];
    let text = place.run(&[&scan[..], &TIGHT].concat()).good();
    let (header, rows) = table(&text);
    assert_eq!(header, ["k", "t", "x", "x_seen"]);
    assert_eq!(rows.len(), 11);
    for (i, row) in rows.iter().enumerate() {
        close(row[0], 0.1 + 0.1 * i as f64, 1e-14);
        assert_eq!((row[1], row[2]), (2.0, row[3]));
        close(row[2], (-2.0 * row[0]).exp(), 1e-9);
    }
}

#[test]
fn scans_are_combined_with_times_of_ones_own() {
    let place = with(DECAY);
    let scan = ["simulate", "model.slope", "--scan", "x=1:4:2", "--scan", "k=0.01:1:3:log"];
    let text = place.run(&[&scan[..], &["--at", "0,1,3"], &TIGHT].concat()).good();
    let (header, rows) = table(&text);
    assert_eq!(header, ["start(x)", "k", "t", "x", "x_seen"]);
    assert_eq!(rows.len(), 2 * 3 * 3);
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row[0], [1.0, 4.0][i / 9]);
        close(row[1], [0.01, 0.1, 1.0][i / 3 % 3], 1e-14);
        assert_eq!(row[2], [0.0, 1.0, 3.0][i % 3]);
        close(row[3], row[0] * (-row[1] * row[2]).exp(), 1e-9);
    }
    // A parameter that is an initial value, which `--set` and `--scan` may name.
    let text =
        place.run(&["simulate", "model.slope", "--scan", "a=2:3:2", "--set", "k=0.5"]).good();
    for row in table(&text).1 {
        close(row[2], row[0] * (-5f64).exp(), 1e-4);
    }
}

#[test]
fn values_of_chance_lie_between_the_ends_and_follow_from_the_seed() {
    let place = with(DECAY);
    let run = |seed: &str| {
        let scan = ["simulate", "model.slope", "--to", "2", "--random", "40", "--seed", seed];
        let axes = ["--scan", "k=0.1:10:log", "--scan", "x=1:3"];
        table(&place.run(&[&scan[..], &axes, &TIGHT].concat()).good()).1
    };
    let rows = run("1");
    assert_eq!(rows.len(), 40);
    // Every fortieth of each range is met once.
    for share in [|row: &[f64]| (row[0].log10() + 1.0) / 2.0, |row: &[f64]| (row[1] - 1.0) / 2.0] {
        let mut parts: Vec<usize> = rows.iter().map(|row| (40.0 * share(row)) as usize).collect();
        parts.sort_unstable();
        assert_eq!(parts, (0..40).collect::<Vec<_>>());
    }
    for row in &rows {
        // Small ends are as near as the absolute tolerance has it.
        let want = row[1] * (-2.0 * row[0]).exp();
        assert!((row[3] - want).abs() <= 1e-9 * row[1], "{} is not {want}", row[3]);
    }
    assert_eq!(rows, run("1"));
    assert_ne!(rows, run("2"));
}

#[test]
fn the_rows_of_a_table_are_trajectories() {
    let place = with(DECAY);
    place.write("draws.csv", "chain,draw,a,k\n0,0,1,0.5\n0,1,2,0.25\n1,0,3,0.125\n");
    let run = place.run(&["simulate", "model.slope", "--each", "draws.csv", "--to", "4"]);
    assert!(run.err.contains("left out: chain, draw"), "{}", run.err);
    let (header, rows) = {
        let text = run.good();
        let (header, rows) = table(&text);
        (header.join(","), rows)
    };
    assert_eq!(header, "a,k,t,x,x_seen");
    for (row, (a, k)) in rows.iter().zip([(1.0, 0.5), (2.0, 0.25), (3.0, 0.125f64)]) {
        assert_eq!((row[0], row[1]), (a, k));
        close(row[3], a * (-4.0 * k).exp(), 1e-5);
    }
}

/// All classes of models are scanned: equal to single simulations.
#[test]
fn a_scan_is_many_simulations_of_any_model() {
    let oscillator = "state x = 1\nstate v = 0\nparam k = 1\nx' = v\nv' = -k*x\n";
    let event = format!("{oscillator}when x crosses 0 falling: v = -0.5*v\n");
    let stop = format!("{oscillator}stop when x crosses 0.5 falling\n");
    let stiff = "state x = 1\nstate y = 0\nparam k = 1\nx' = -1e5*(x - y)\ny' = k*(x - 2*y)\n";
    let noise = "state x = 1\nparam k = 1\nnoise W\nx' = -k*x + 0.1*W'\n";
    for (name, model) in [("event", &*event), ("stop", &stop), ("stiff", stiff), ("noise", noise)] {
        let place = with(model);
        let times = ["--at", "0.5,1,2", "--seed", "7"];
        let scan = ["simulate", "model.slope", "--scan", "k=0.5:2:4"];
        let text = place.run(&[&scan[..], &times].concat()).good();
        let (_, rows) = table(&text);
        assert_eq!(rows.len(), 12, "{name}");
        for k in 0..4 {
            let set = format!("k={}", rows[3 * k][0]);
            let one = ["simulate", "model.slope", "--set", &set];
            let text = place.run(&[&one[..], &times].concat()).good();
            let single = table(&text).1;
            for (i, row) in rows[3 * k..3 * k + 3].iter().enumerate() {
                match single.get(i) {
                    Some(single) => assert_eq!(row[1..], single[..], "{name}"),
                    // It ended before.
                    None => assert!(row[2..].iter().all(|x| x.is_nan()), "{name} {row:?}"),
                }
            }
        }
    }
}

#[test]
fn trajectories_that_fail_are_told_and_the_others_are_there() {
    // From 1 the solution 1/(1 - k t) ends at t = 1/k.
    let place = with("state x = 1\nparam k = 1\nx' = k*x^2\n");
    let run = place.run(&["simulate", "model.slope", "--scan", "k=0.15:2.05:20", "--to", "1"]);
    let said = run.err.clone();
    let text = run.good();
    let (_, rows) = table(&text);
    let failed = rows.iter().filter(|row| row[2].is_nan()).count();
    assert_eq!(failed, 11);
    assert!(said.contains("11 of 20 trajectories failed"), "{said}");
    assert!(said.contains("  k = 1.05: ") && said.contains("and 1 more"), "{said}");
    for row in rows.iter().filter(|row| !row[2].is_nan()) {
        close(row[2], 1.0 / (1.0 - row[0]), 1e-4);
    }
    // As JSON, where there is no NaN.
    let found = place
        .run(&["simulate", "model.slope", "--scan", "k=0.5:1.5:2", "--to", "1", "--json"])
        .json();
    assert_eq!((&found["failed"], &found["columns"]["x"][1]), (&1.into(), &().into()));
    close(number(&found["columns"]["x"][0]), 2.0, 1e-4);
    place
        .run(&["simulate", "model.slope", "--scan", "k=1.5:2:5", "--to", "1"])
        .bad(&["step size fell"]);
}

#[test]
fn what_computes_is_chosen_and_said() {
    let place = with(DECAY);
    let scan = ["simulate", "model.slope", "--scan", "k=0.1:1:100"];
    let with = |more: &[&str]| place.run(&[&scan[..], more].concat());
    let said = |more: &[&str]| with(more).err;
    assert!(said(&[]).contains("the processor: all of it takes about"));
    assert!(said(&["--device", "cpu"]).contains("the processor, as asked for"));
    assert_eq!(said(&["--device", "cpu", "--quiet"]), "");
    let tight = said(&["--device", "gpu", "--rtol", "1e-7"]);
    let none = tight.contains("no card can be used");
    assert!(none || tight.contains("1e-7 is finer than"), "{tight}");
    assert!(said(&["--device", "no such card"]).contains("none is called `no such card`"));
    // On whatever is there, software too, in single precision.
    let devices = place.run(&["devices", "--json"]).json();
    let name = devices["cards"][0]["name"].as_str().expect("a Vulkan driver, software at least");
    let text = with(&["--device", name]);
    assert!(text.err.contains(&format!("{name}, as asked for")), "{}", text.err);
    let text = text.good();
    for row in table(&text).1 {
        close(row[2], (-10.0 * row[0]).exp(), 1e-3);
    }
    let found = with(&["--device", name, "--json"]).json();
    assert_eq!((&found["device"], &found["on_card"]), (&name.into(), &100.into()));
}

#[test]
fn scans_that_make_no_sense_are_refused() {
    let place = with(DECAY);
    let bad = |more: &[&str], parts: &[&str]| {
        place.run(&[&["simulate", "model.slope"], more].concat()).bad(parts);
    };
    bad(&["--scan", "q=0:1:3"], &["no parameter and no state `q`"]);
    bad(&["--scan", "k=0:1"], &["`k` has no number of values", "NAME=FROM:TO:COUNT", "--random"]);
    bad(&["--scan", "k"], &["NAME=FROM:TO:COUNT"]);
    bad(&["--random", "5"], &["no ranges"]);
    bad(&["--scan", "k=-1:1:log", "--random", "5"], &["equal ratios"]);
    bad(&["--scan", "k=0:1:three"], &["`three` is not a number of values"]);
    bad(&["--scan", "k=0:1:3:log"], &["equal ratios"]);
    bad(&["--scan", "k=0:1:3", "--scan", "k=1:2:3"], &["`k` is scanned twice"]);
    bad(&["--scan", "k=0:1:1000", "--points", "1000000"], &["numbers; at most"]);
    bad(&["--scan", "k=0:1:3", "--steady"], &["--steady"]);
    bad(&["--device", "gpu"], &["one trajectory is computed on the processor"]);
    place.write("other.csv", "time,value\n1,2\n");
    bad(&["--each", "other.csv"], &["no column of the table", "`time` and `value`"]);
    bad(&["--each", "missing.csv"], &["missing.csv"]);
}
