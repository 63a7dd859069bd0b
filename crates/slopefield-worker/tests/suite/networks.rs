//! A project whose network a plugin recorded, with the plugin and without it.

use slopefield_api::Commands;
use slopefield_api::types::*;
use slopefield_worker::{Engine, Folders};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const MODEL: &str = "state x = 1\n\
    network f: org.slopefield.kan/kan(inputs: 1, outputs: 1, hidden: [2], grid: 3)\n\
    x' = -f(x)\nobserve y = x\n";
const STUDY: &str = "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n\
    [training]\niterations = 12\n[solver]\nmethod = \"tsit5\"\n";

/// A folder with the plugin, built with the same cargo, profile and target folder as this test.
fn plugins() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, folder) = FOLDER.get_or_init(|| {
        let products = Path::new(env!("CARGO_BIN_EXE_slopefield-worker")).parent().unwrap();
        let profile = match products.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--profile", profile, "-p", "slopefield-plugin-kan"])
            .arg("--target-dir")
            .arg(products.parent().unwrap())
            .current_dir(&repository)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let kept = tempfile::tempdir().unwrap();
        let sources = kept.path().join("sources");
        std::fs::create_dir(&sources).unwrap();
        copy(&repository.join("plugins/kan"), &sources.join("kan"));
        let folder = kept.path().join("plugins");
        slopefield_plugin_host::bundle(&sources, products, &folder).unwrap();
        (kept, folder)
    });
    folder
}

/// The files of a folder, one level deep: what bundling reads.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn engine(folder: &Path, bundled_plugins: Vec<PathBuf>) -> Engine {
    Engine::new(Folders {
        examples: None,
        bundled_plugins,
        plugins: vec![],
        plugin_cache: folder.join("plugin-cache"),
        drafts: folder.join("drafts"),
        settings: folder.join("settings"),
        for_plugins: vec![],
    })
}

fn with(folder: &Path) -> Engine {
    engine(folder, vec![plugins().to_owned()])
}

fn without(folder: &Path) -> Engine {
    engine(folder, vec![])
}

/// A project with one run of 12 iterations, trained with the plugin.
fn trained(folder: &Path) -> String {
    let data: String =
        (0..=8).map(|i| 0.25 * f64::from(i)).map(|t| format!("{t},{}\n", (-t).exp())).collect();
    for (name, text) in
        [("model.slope", MODEL), ("study.toml", STUDY), ("d.csv", &format!("t,y\n{data}"))]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let out = path("p.slopefield");
    let request =
        FitRequest { study: path("study.toml"), out: Some(out.clone()), ..FitRequest::default() };
    let engine = with(folder);
    engine.fit(request, &mut |_, _| ()).unwrap();
    engine.shut_down();
    out
}

fn open(engine: &Engine, path: &str) -> ProjectView {
    engine.project_open(PathRequest { path: path.into() }, &mut |_, _| ()).unwrap().0
}

fn train(engine: &Engine) -> (RunSummary, RunView) {
    let run = engine.train(TrainRequest::default(), &mut |_, _| ()).unwrap().0;
    let request = RunRequest { run: run.id.clone() };
    (run, engine.run_view(request, &mut |_, _| ()).unwrap().0)
}

fn simulate(engine: &Engine, text: &str) -> Result<(Simulation, Vec<f64>), String> {
    let request =
        SimulateRequest { text: text.into(), seed: Some(3), ..SimulateRequest::default() };
    engine.simulate(request, &mut |_, _| ()).map_err(|e| e.message)
}

fn forecast(engine: &Engine, path: &str) -> Vec<u64> {
    let request = ForecastRequest { project: path.into(), ..ForecastRequest::default() };
    let block = engine.forecast(request, &mut |_, _| ()).unwrap().1;
    block.iter().map(|x| x.to_bits()).collect()
}

fn provenance(view: &RunView) -> &str {
    let found = view.provenance.iter().find(|(name, _)| name == "org.slopefield.kan");
    &found.unwrap().1
}

#[test]
fn a_project_opens_simulates_and_trains_without_the_plugin_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = trained(folder.path());

    let engine = with(folder.path());
    let view = open(&engine, &path);
    assert!(view.problem.problems.iter().all(|p| !p.message.contains("kan")), "{view:?}");
    let (with_plugin, with_view) = train(&engine);
    let (simulation, numbers) = simulate(&engine, MODEL).unwrap();
    let solver_notes = simulation.notes;
    engine.shut_down();
    let curves = forecast(&with(folder.path()), &path);

    let engine = without(folder.path());
    assert_eq!(forecast(&engine, &path), curves);
    let view = open(&engine, &path);
    assert!(view.problem.ok, "{:?}", view.problem.problems);
    let notice = "the graph of `org.slopefield.kan/kan` that the project holds is used, which \
                  version 0.1.0 of the plugin recorded: the plugin org.slopefield.kan is not \
                  installed";
    let told: Vec<_> = view.problem.problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(told, [notice]);
    // Its weights are known without the plugin.
    let checked = engine.model_check(ModelText { text: MODEL.into() }, &mut |_, _| ()).unwrap().0;
    assert!(checked.ok && checked.networks[0].weights > 0, "{checked:?}");
    let (run, view) = train(&engine);
    assert_eq!(run.loss.unwrap().to_bits(), with_plugin.loss.unwrap().to_bits());
    assert!(run.loss.unwrap() < 1.0);
    assert!(view.log.iter().any(|(_, line)| line.contains("project holds is used")), "{view:?}");
    assert_eq!(
        provenance(&view),
        format!("{}, as recorded in the project", provenance(&with_view))
    );
    let (simulation, again) = simulate(&engine, MODEL).unwrap();
    let (first, others) = simulation.notes.split_first().unwrap();
    assert_eq!((first.as_str(), others), (notice, solver_notes.as_slice()));
    let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&again), bits(&numbers));
    engine.shut_down();
}

#[test]
fn a_network_that_was_never_recorded_needs_its_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let path = trained(folder.path());
    let engine = without(folder.path());
    open(&engine, &path);
    for other in ["grid: 4", "grid: 3, degree: 2"] {
        let text = MODEL.replace("grid: 3", other);
        let error = simulate(&engine, &text).unwrap_err();
        for part in ["org.slopefield.kan is not installed", "the project holds no graph"] {
            assert!(error.contains(part), "`{part}` is not in {error}");
        }
        let edit = Edit::Model { text };
        let view = engine.project_edit(edit, &mut |_, _| ()).unwrap().0;
        let fatal: Vec<_> = view.problem.problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(
            fatal,
            ["the network `f` cannot be built: the plugin org.slopefield.kan is not installed"]
        );
        assert!(!view.problem.ok);
    }
    // The same options in another order are the same network.
    let text = MODEL.replace("hidden: [2], grid: 3", "grid: 3, hidden: [2]");
    simulate(&engine, &text).unwrap();
    engine.shut_down();
}

#[test]
fn saving_keeps_the_graph_of_a_plugin_that_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.slopefield").to_string_lossy().into_owned();
    let engine = with(folder.path());
    engine.project_new(Empty {}, &mut |_, _| ()).unwrap();
    engine.project_edit(Edit::Model { text: MODEL.into() }, &mut |_, _| ()).unwrap();
    let numbers = simulate(&engine, MODEL).unwrap().1;
    engine.project_save_as(PathRequest { path: path.clone() }, &mut |_, _| ()).unwrap();
    engine.shut_down();
    let engine = without(folder.path());
    open(&engine, &path);
    assert_eq!(simulate(&engine, MODEL).unwrap().1, numbers);
    engine.shut_down();
}

#[test]
fn a_missing_solver_is_named_when_the_project_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = trained(folder.path());
    let engine = without(folder.path());
    let mut study = open(&engine, &path).study;
    study.solver.method = "org.example.none/rk4".into();
    let view = engine.project_edit(Edit::Study { study }, &mut |_, _| ()).unwrap().0;
    assert!(!view.problem.ok);
    let problem = view.problem.problems.iter().find(|p| p.place == "solver.method").unwrap();
    assert_eq!(
        problem.message,
        "the solver `org.example.none/rk4` cannot be used: the plugin org.example.none is not installed"
    );
    let error = engine.train(TrainRequest::default(), &mut |_, _| ()).unwrap_err().message;
    assert!(error.contains("org.example.none is not installed"), "{error}");
    engine.shut_down();
}

#[test]
fn a_strangers_project_with_a_damaged_graph_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = trained(folder.path());
    {
        let mut project = slopefield_project::Project::open(&path).unwrap();
        let run = project.runs().unwrap()[0].id.clone();
        let mut networks = project.networks(&run).unwrap();
        networks[0].1.push(0);
        project.set_networks(&run, &networks).unwrap();
        project.close().unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let engine = without(elsewhere.path());
    let request = PathRequest { path };
    let error = engine.project_open(request.clone(), &mut |_, _| ()).unwrap_err().message;
    assert!(error.contains("was not opened") && error.contains("network `f`"), "{error}");
    let reply = engine.project_verify(request, &mut |_, _| ()).unwrap().0;
    assert!(!reply.ok && reply.checks.last().unwrap().1.contains("network `f`"), "{reply:?}");
}
