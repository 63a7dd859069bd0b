//! The conformance kit, on plugins that are in order and on plugins that are not.
use crate::common;
use crate::plugins::built;

use common::{Place, repository};
use serde_json::Value;
use std::process::Command;

/// The tests of a report as `(subject/test, verdict, message)`.
fn lines(report: &Value) -> Vec<(String, String, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let tests = report["tests"].as_array().unwrap().iter();
    tests
        .map(|l| {
            let name = format!("{}/{}", text(l, "subject"), text(l, "test"));
            (name, text(l, "verdict"), text(l, "message"))
        })
        .collect()
}

/// Runs a check that must find nothing wrong, and returns its report.
#[track_caller]
fn sound(place: &Place, arguments: &[&str]) -> Value {
    let run = place.run(&[&["plugin", "check", "--json"], arguments].concat());
    let report: Value = serde_json::from_str(run.out.lines().next_back().unwrap()).unwrap();
    let all = lines(&report);
    let bad: Vec<_> =
        all.iter().filter(|l| !["passed", "skipped", "warning"].contains(&l.1.as_str())).collect();
    assert!(run.ok && report["ok"] == true && bad.is_empty(), "{bad:#?}\n{}", run.err);
    report
}

/// A folder with a plugin in C of `tests/abi`, compiled, with a manifest for these solvers.
fn compiled(
    place: &Place,
    (source, define): (&str, &str),
    (id, version): (&str, &str),
    solvers: &[(&str, &str)],
) {
    let library = place.path(&format!("libplugin{}", std::env::consts::DLL_SUFFIX));
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(&cc)
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", define, "-I"])
        .arg(repository().join("plugins/abi/include"))
        .arg(repository().join("tests/abi").join(source))
        .arg("-o")
        .arg(&library)
        .args(if cfg!(unix) { &["-lm"][..] } else { &[] })
        .output()
        .unwrap_or_else(|e| panic!("`{cc}` cannot be run ({e}): install one, or name it in CC"));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let file = library.file_name().unwrap().to_str().unwrap();
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    let mut manifest = format!(
        "manifest = 1\nid = \"{id}\"\nversion = \"{version}\"\nname = \"Test\"\n\
         license = \"MIT\"\n[native]\nabi = \"1.0\"\n[native.library.{arch}-{os}]\n\
         file = \"{file}\"\n"
    );
    // Networks have no capabilities.
    for (solver, caps) in solvers {
        let kind = if source.contains("network") { "network" } else { "solver" };
        manifest += &format!(
            "[[provides]]\nkind = \"{kind}\"\nid = \"{solver}\"\nname = \"{solver}\"\ncaps = {caps}\n"
        );
    }
    place.write("plugin.toml", &manifest);
}

/// What is worth a word. The pairs of Kennedy and Carpenter estimate small errors where nothing is
/// stiff, and their advice says so.
const WORDS: [&str; 2] = ["kencarp3/solver.tolerance", "kencarp5/solver.tolerance"];

/// Every plugin that comes with the application: nothing else of it is even worth a word.
#[test]
fn the_bundled_plugins_pass() {
    built();
    let mut checked = Vec::new();
    for entry in std::fs::read_dir(repository().join("plugins")).unwrap() {
        let source = entry.unwrap().path();
        if !source.join("plugin.toml").is_file() || source.join("Makefile").is_file() {
            continue;
        }
        let place = Place::new();
        let all = lines(&sound(&place, &[source.to_str().unwrap()]));
        let words = all.iter().filter(|l| l.1 == "warning" && !WORDS.contains(&l.0.as_str()));
        let words: Vec<_> = words.collect();
        assert!(words.is_empty(), "{words:#?}");
        // What was tested lay in a folder of its own, which is gone.
        assert!(place.names().is_empty(), "{:?}", place.names());
        checked.extend(all.into_iter().filter(|l| l.1 == "passed").map(|l| l.0));
    }
    for test in [
        "dop853/solver.order",
        "bs5/solver.order",
        "rkf45/solver.tolerance",
        "sdirk4/solver.tolerance",
        "rodas4/solver.order",
        "kencarp5/tableau.conditions",
        "kan/network.gradient",
    ] {
        assert!(checked.iter().any(|name| name == test), "{test} is not in {checked:#?}");
    }
}

#[test]
fn an_installed_plugin_is_tested_by_its_id_when_it_may_run() {
    let place = Place::new();
    let id = "org.slopefield.ode-extra";
    let folder = built().to_str().unwrap();
    let check = |place: &Place| {
        let words = ["plugin", "check", id, "--include", "library.", "--plugins", folder];
        crate::plugins::alone(place, &words)
    };
    check(&place).bad(&["not trusted", "slopefield plugin trust"]);
    let trust = ["plugin", "trust", id, "--yes", "--plugins", folder];
    crate::plugins::alone(&place, &trust).good();
    let text = check(&place).good();
    assert!(text.contains("passed     library.entry-twice"), "{text}");
    assert!(!text.contains("solver."), "{text}");
    place.run(&["plugin", "check", "org.example.none"]).bad(&["no plugin org.example.none"]);
    place.run(&["plugin", "check", "."]).bad(&["there is no plugin.toml in ."]);
}

#[test]
fn the_plugin_in_c_passes() {
    let place = Place::new();
    let solvers = [
        ("rk4", "[\"f64\", \"deterministic\"]"),
        ("ros2", "[\"f64\", \"deterministic\", \"implicit\", \"backward\"]"),
    ];
    compiled(&place, ("demo_c.c", "-DDEMO"), ("org.example.demo-c", "0.1.0"), &solvers);
    let all = lines(&sound(&place, &["."]));
    for name in
        ["rk4/solver.order", "ros2/solver.order", "ros2/solver.stiff", "ros2/solver.backward"]
    {
        let line = all.iter().find(|l| l.0 == name).unwrap();
        assert_eq!(line.1, "passed", "{line:?}");
    }
}

const ABOUT: (&str, &str) = ("org.example.sloppy", "1.0.0");

/// Faults that the application itself does not see, each with the test that finds it and what the
/// test says.
const FAULTS: [(&str, &str, &str, &str); 24] = [
    ("wrong-order", "solver.order", "failed", "order 3 is declared and it is 2.0"),
    ("keeps-tolerances", "solver.borrowed", "failed", "overflowed"),
    ("keeps-start", "solver.borrowed", "failed", "overflowed"),
    ("loses-state", "solver.failing-callback", "failed", "goes another way"),
    ("eats-status", "solver.failing-callback", "failed", "SLF_ERR_INTERNAL of SLF_ERR_HOST"),
    ("goes-on", "solver.failing-callback", "failed", "called again before the call returns"),
    ("shared", "solver.instances", "failed", "alone and beside others"),
    ("remembers", "solver.reuse", "failed", "on a used instance"),
    ("leaks", "solver.growth", "failed", "left"),
    ("rounds-up", "solver.float-mode", "failed", "after step numbers are rounded"),
    ("exits", "solver.step-record", "crashed", "ended itself in the middle"),
    ("crashes", "solver.step-record", "crashed", "signal 11"),
    ("endless", "solver.step-record", "timed-out", "did not end within 3 s"),
    ("calls-early", "solver.closed-callbacks", "failed", "from create"),
    ("writes-start", "solver.borrowed", "failed", "it wrote to the initial state"),
    ("accepts-nan", "solver.non-finite", "failed", "accepts a state with NaN"),
    ("wrong-flag", "solver.step-record", "failed", "SLF_STEP_AT_LIMIT is not set"),
    ("takes-mass", "solver.mass-matrix", "failed", "does not declare"),
    ("takes-options", "solver.options", "failed", "an option that it does not have"),
    ("not-adaptive", "solver.tolerance", "failed", "error"),
    ("bent-dense", "solver.dense-order", "failed", "is declared"),
    ("any-id", "solver.unknown-id", "failed", "makes an instance of \"any-idx\""),
    ("calls-past", "solver.limits", "failed", "past the limit"),
    ("counts", "solver.determinism", "failed", "declared, and on"),
];

/// Likewise; these take their time.
const SLOW_FAULTS: [(&str, &str, &str, &str); 7] = [
    ("allocates", "solver.step-memory", "warning", "200 steps allocate 200 times"),
    ("hoards", "solver.step-memory", "failed", "40000 steps left"),
    ("reads-far", "solver.guard-pages", "failed", "past the end of the initial state"),
    ("writes-start", "solver.guard-pages", "failed", "writes to the initial state"),
    ("keeps-start", "solver.guard-pages", "failed", "uses it after the call that lent it"),
    ("lingers", "solver.cancel", "failed", "told to stop by evaluation 1, it returns after"),
    ("never-asks", "solver.cancel", "failed", "evaluates 20000 times in one step without asking"),
];

fn sloppy() -> Place {
    let place = Place::new();
    let new = ["allocates", "hoards", "reads-far", "lingers", "never-asks"];
    let ids = FAULTS.iter().map(|f| f.0).chain(["sound", "prints"]).chain(new);
    let solvers: Vec<(&str, &str)> = ids
        .map(|id| match id {
            "not-adaptive" => (id, "[\"f64\", \"deterministic\", \"adaptive\"]"),
            _ => (id, "[\"f64\", \"deterministic\"]"),
        })
        .collect();
    compiled(&place, ("sloppy_plugin.c", "-DALL"), ABOUT, &solvers);
    place
}

#[test]
fn every_fault_is_found_by_its_test() {
    let place = sloppy();
    sound(&place, &[".", "--include", "sound"]);
    let mut words = vec!["plugin", "check", ".", "--json", "--time-limit", "3"];
    let names: Vec<String> = FAULTS.iter().map(|f| format!("{}/{}", f.0, f.1)).collect();
    names.iter().for_each(|name| words.extend(["--include", name]));
    let run = place.run(&words);
    assert!(!run.ok);
    let report: Value = serde_json::from_str(run.out.lines().next_back().unwrap()).unwrap();
    assert_eq!(report["ok"], false);
    let all = lines(&report);
    for (id, test, verdict, part) in FAULTS {
        let name = format!("{id}/{test}");
        let (_, found, message) = all.iter().find(|l| l.0 == name).unwrap();
        // A system that does not show the memory of a process.
        if (id, found.as_str()) == ("leaks", "skipped") {
            continue;
        }
        assert_eq!(found, verdict, "{name}: {message}");
        assert!(message.contains(part), "{name}: `{part}` is not in\n{message}");
    }
    let text = place.run(&["plugin", "check", ".", "--include", "crashes/solver.step-record"]);
    assert!(text.out.contains("CRASHED    solver.step-record"), "{}", text.out);
    assert!(text.out.contains("org.example.sloppy 1.0.0: 1 crashed"), "{}", text.out);
}

/// What each system can see.
fn is_seen_here(test: &str) -> bool {
    match test {
        "solver.step-memory" => cfg!(target_os = "linux"),
        "solver.guard-pages" => cfg!(unix),
        _ => true,
    }
}

#[test]
fn faults_of_memory_and_of_stops_are_found() {
    let place = sloppy();
    let mut words = vec!["plugin", "check", ".", "--json"];
    let names: Vec<String> = SLOW_FAULTS.iter().map(|f| format!("{}/{}", f.0, f.1)).collect();
    names.iter().for_each(|name| words.extend(["--include", name]));
    let run = place.run(&words);
    let report: Value = serde_json::from_str(run.out.lines().next_back().unwrap()).unwrap();
    let all = lines(&report);
    for (id, test, verdict, part) in SLOW_FAULTS.iter().filter(|f| is_seen_here(f.1)) {
        let name = format!("{id}/{test}");
        let (_, found, message) = all.iter().find(|l| l.0 == name).unwrap();
        assert_eq!(found, verdict, "{name}: {message}");
        assert!(message.contains(part), "{name}: `{part}` is not in\n{message}");
    }
}

#[test]
fn a_plugin_whose_descriptions_flicker_is_told() {
    let place = Place::new();
    let caps = "[\"f64\", \"deterministic\"]";
    compiled(&place, ("sloppy_plugin.c", "-DONLY=\"races\""), ABOUT, &[("races", caps)]);
    let run = place.run(&["plugin", "check", ".", "--include", "library.threads"]);
    assert!(!run.ok && run.out.contains("one thread finds"), "{}", run.out);
}

/// The same for networks.
const NETWORK_FAULTS: [(&str, &str, &str, &str); 8] = [
    ("counts", "network.determinism", "failed", "another graph"),
    ("goes-on", "network.stops", "failed", "more calls after the first has failed"),
    ("forgets", "network.stops", "failed", "reports success although every call failed"),
    ("any-options", "network.options", "failed", "an option that it does not have"),
    ("dead-input", "network.inputs-matter", "warning", "does not depend on input 1 of 3"),
    ("overflows", "network.finite", "failed", "it gives"),
    ("any-id", "network.unknown-id", "failed", "it builds \"any-idx\""),
    ("bad-default", "network.description", "failed", "lies outside of"),
];

#[test]
fn every_fault_of_a_network_is_found_by_its_test() {
    let place = Place::new();
    let ids = NETWORK_FAULTS.iter().map(|f| f.0).chain(["sound"]);
    let networks: Vec<_> = ids.map(|id| (id, "[]")).collect();
    compiled(&place, ("sloppy_networks.c", "-DALL"), ABOUT, &networks);
    sound(&place, &[".", "--include", "sound"]);
    let mut words = vec!["plugin", "check", ".", "--json"];
    let names: Vec<String> = NETWORK_FAULTS.iter().map(|f| format!("{}/{}", f.0, f.1)).collect();
    names.iter().for_each(|name| words.extend(["--include", name]));
    let run = place.run(&words);
    let report: Value = serde_json::from_str(run.out.lines().next_back().unwrap()).unwrap();
    for ((name, found, message), (_, _, verdict, part)) in lines(&report).iter().zip(NETWORK_FAULTS)
    {
        assert_eq!(found, verdict, "{name}: {message}");
        assert!(message.contains(part), "{name}: `{part}` is not in\n{message}");
    }
    assert_eq!(lines(&report).len(), NETWORK_FAULTS.len());
}

#[test]
fn a_plugin_that_prints_is_told() {
    let place = Place::new();
    let caps = "[\"f64\", \"deterministic\"]";
    compiled(&place, ("sloppy_plugin.c", "-DONLY=\"prints\""), ABOUT, &[("prints", caps)]);
    let run = place.run(&["plugin", "check", ".", "--include", "library."]);
    assert!(!run.ok && run.out.contains("it printed to standard output: a step"), "{}", run.out);
    // All else of the library is in order.
    let others = ["plugin", "check", ".", "--include", "library.", "--exclude", "library.silent"];
    place.run(&others).good();
}

#[test]
fn a_plugin_that_is_packed_can_be_used() {
    let place = Place::new();
    let solvers = [("rk4", "[]"), ("ros2", "[\"implicit\", \"backward\"]")];
    compiled(&place, ("demo_c.c", "-DDEMO"), ("org.example.demo-c", "0.1.0"), &solvers);
    let packed = place.run(&["plugin", "pack", ".", "--out", "packed", "--json"]).json();
    let folder = packed["folder"].as_str().unwrap();
    assert!(place.path(folder).join("plugin.toml").is_file(), "{folder}");
    let id = "org.example.demo-c";
    place.run(&["plugin", "trust", id, "--yes", "--plugins", "packed"]).good();
    place.write("model.slope", "state x = 1\nx' = -x\n");
    let words = ["simulate", "model.slope", "--at", "1", "--method", "org.example.demo-c/rk4"];
    let text = place.run(&[&words[..], &["--plugins", "packed"]].concat()).good();
    let (_, rows) = common::table(&text);
    common::close(rows[0][1], (-1f64).exp(), 1e-8);
    std::fs::remove_file(place.path(&format!("libplugin{}", std::env::consts::DLL_SUFFIX)))
        .unwrap();
    let again = place.run(&["plugin", "pack", ".", "--out", "packed"]);
    again.bad(&["there is no library", "build the plugin first"]);
}

/// Builds a new plugin as its README says and runs its own tests; without a network.
#[track_caller]
fn tested(place: &Place, folder: &str, words: &[&str]) {
    let run = Command::new(words[0])
        .args(&words[1..])
        .current_dir(place.path(folder))
        .env("SLOPEFIELD", common::PROGRAM)
        .env("SLOPEFIELD_DATA_DIR", place.path("data"))
        .env("CARGO_TARGET_DIR", place.path(folder).join("target"))
        .env("CARGO_NET_OFFLINE", "true")
        // Lints of ours are no business of a plugin's author.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}\n{}", text(&run.stdout), text(&run.stderr));
}

#[test]
fn new_plugins_in_rust_build_and_pass_their_tests() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    for (kind, name) in [("solver", "my-heun"), ("network", "my-gates")] {
        let place = Place::new();
        place.run(&["plugin", "new", kind, name, "--id", "org.mine.first"]).good();
        tested(&place, name, &[&cargo, "test", "--quiet"]);
        let report = sound(&place, &[name]);
        assert_eq!(report["plugin"], "org.mine.first");
        let found = lines(&report);
        let words: Vec<_> = found.iter().filter(|l| l.1 == "warning").collect();
        assert!(words.is_empty(), "{words:#?}");
        // A folder that is there is left alone.
        place.run(&["plugin", "new", kind, name]).bad(&["is there already"]);
    }
}

#[test]
fn new_plugins_in_c_build_and_pass_their_tests() {
    for (kind, name) in [("solver", "my-heun"), ("network", "my-gates")] {
        let place = Place::new();
        place.run(&["plugin", "new", kind, name, "--language", "c"]).good();
        tested(&place, name, &["make", "--silent", "test", "CFLAGS=-O2 -Wall -Wextra -Werror"]);
        let found = lines(&sound(&place, &[name]));
        let words: Vec<_> = found.iter().filter(|l| l.1 == "warning").collect();
        assert!(words.is_empty(), "{words:#?}");
    }
}

#[test]
fn a_new_tableau_passes_and_is_used() {
    let place = Place::new();
    place.run(&["plugin", "new", "tableau", "my-pair"]).good();
    let found = lines(&sound(&place, &["my-pair"]));
    assert!(found.iter().all(|l| l.1 == "passed"), "{found:#?}");
    place.run(&["plugin", "pack", "my-pair", "--out", "packed"]).good();
    place.write("model.slope", "state x = 1\nx' = -x\n");
    let method = "org.example.my-pair/my-pair";
    let words = ["simulate", "model.slope", "--at", "1", "--method", method];
    let text = place.run(&[&words[..], &["--plugins", "packed"]].concat()).good();
    common::close(common::table(&text).1[0][1], (-1f64).exp(), 1e-5);
    for bad in ["My-Pair", "a b", "../x", ""] {
        place.run(&["plugin", "new", "tableau", bad]).bad(&["must consist of"]);
    }
    place.run(&["plugin", "new", "tableau", "x", "--id", "plain"]).bad(&["must be like"]);
    // A wrong coefficient is told with the condition that it breaks.
    place.replace("my-pair/tableaus.toml", "\"4/9\", \"0\"]", "\"3/9\", \"1/9\"]");
    let run = place.run(&["plugin", "check", "my-pair"]);
    assert!(!run.ok && run.out.contains("has order 1, not 3"), "{}", run.out);
}
