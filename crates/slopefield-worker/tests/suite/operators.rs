//! A project whose network uses an operator in native code: with the plugin, without it, and with another
//! version of it.

use slopefield_api::Commands;
use slopefield_api::types::*;
use slopefield_worker::{Engine, Folders};
use std::path::{Path, PathBuf};

const ID: &str = "org.example.operators";
const MODEL: &str = "state x = 1\n\
    network f: org.example.operators/cube(inputs: 1, outputs: 1)\n\
    x' = -x + f(x)\nobserve y = x\n";
const STUDY: &str = "model = \"model.slope\"\n[data.d]\nfile = \"d.csv\"\n\
    [training]\niterations = 12\n[solver]\nmethod = \"tsit5\"\n";

/// `tests/abi/operators.c`, compiled and installed as a plugin of the application.
fn plugins(folder: &Path, version: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = std::fs::read_to_string(repository.join("tests/abi/operators.c")).unwrap();
    let plugins = folder.join(format!("plugins-{version}"));
    let place = plugins.join(ID).join(version);
    std::fs::create_dir_all(&place).unwrap();
    let text = place.join("plugin.c");
    std::fs::write(&text, source.replace("\"1.0.0\"", &format!("\"{version}\""))).unwrap();
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = std::process::Command::new(&cc)
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"])
        .arg(repository.join("plugins/abi/include"))
        .arg(&text)
        .args(["-lm", "-o"])
        .arg(place.join("plugin.so"))
        .output()
        .unwrap_or_else(|e| panic!("the C compiler `{cc}` cannot be run: {e}"));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let platform = slopefield_plugin_host::platform();
    let mut manifest = format!(
        "manifest = 1\nid = \"{ID}\"\nversion = \"{version}\"\nname = \"O\"\nlicense = \"MIT\"\n\
         [native]\nabi = \"1.0\"\n[native.library.{platform}]\nfile = \"plugin.so\"\n"
    );
    for id in
        ["cube", "pair", "fails", "wrong", "moody", "beside", "reads", "rough", "other", "long"]
    {
        manifest += &format!("[[provides]]\nkind = \"network\"\nid = \"{id}\"\nname = \"N\"\n");
    }
    std::fs::write(place.join("plugin.toml"), manifest).unwrap();
    plugins
}

fn engine(folder: &Path, bundled_plugins: Vec<PathBuf>) -> Engine {
    Engine::new(Folders {
        bundled_plugins,
        plugin_cache: folder.join("plugin-cache"),
        drafts: folder.join("drafts"),
        settings: folder.join("settings"),
        ..Folders::default()
    })
}

fn open(engine: &Engine, path: &str) -> ProjectView {
    engine.project_open(PathRequest { path: path.into() }, &mut |_, _| ()).unwrap().0
}

fn simulate(engine: &Engine) -> Result<Vec<f64>, String> {
    let request =
        SimulateRequest { text: MODEL.into(), seed: Some(3), ..SimulateRequest::default() };
    engine.simulate(request, &mut |_, _| ()).map(|(_, block)| block).map_err(|e| e.message)
}

#[test]
fn a_project_with_an_operator_opens_without_its_plugin_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let own = plugins(folder.path(), "1.0.0");
    let data: String =
        (0..=8).map(|i| 0.25 * f64::from(i)).map(|t| format!("{t},{}\n", (-t).exp())).collect();
    for (name, text) in
        [("model.slope", MODEL), ("study.toml", STUDY), ("d.csv", &format!("t,y\n{data}"))]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let project = path("p.slopefield");
    let request = FitRequest {
        study: path("study.toml"),
        out: Some(project.clone()),
        ..FitRequest::default()
    };
    let with = engine(folder.path(), vec![own.clone()]);
    with.fit(request, &mut |_, _| ()).unwrap();
    let view = open(&with, &project);
    assert!(view.problem.ok, "{:?}", view.problem.problems);
    let run = view.runs[0].clone();
    assert!(run.loss.is_some_and(f64::is_finite), "{run:?}");
    let numbers = simulate(&with).unwrap();
    with.shut_down();

    let without = engine(folder.path(), vec![]);
    let view = open(&without, &project);
    let [problem] = &view.problem.problems[..] else { panic!("{:?}", view.problem.problems) };
    let parts = [
        "the graph of `org.example.operators/cube` that the project holds uses the operator `cube`",
        "code of the plugin org.example.operators 1.0.0 and not in the project",
        "needed to simulate and to train",
        "the plugin org.example.operators is not installed",
    ];
    let told = |text: &str| {
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    };
    told(&problem.message);
    assert!(!view.problem.ok);
    // What was found is there all the same, and so is the number of weights.
    assert_eq!(view.runs[0], run);
    let request = RunRequest { run: run.id.clone() };
    let shown = without.run_view(request, &mut |_, _| ()).unwrap().0;
    assert_eq!(shown.summary, run);
    let text = ModelText { text: MODEL.into() };
    let checked = without.model_check(text, &mut |_, _| ()).unwrap().0;
    assert!(checked.ok && checked.networks[0].weights == 6, "{checked:?}");
    told(&simulate(&without).unwrap_err());
    told(&without.train(TrainRequest::default(), &mut |_, _| ()).unwrap_err().message);
    without.shut_down();

    // Another version builds its own graph for the model; with the same code it gives the same numbers.
    let newer = engine(folder.path(), vec![plugins(folder.path(), "1.1.0")]);
    let view = open(&newer, &project);
    assert!(view.problem.ok, "{:?}", view.problem.problems);
    assert_eq!(simulate(&newer).unwrap(), numbers);
    newer.shut_down();
}

/// A graph that names code of another plugin than its own is none.
#[test]
fn a_graph_with_an_operator_of_another_plugin_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut b = slopefield_graph::NetworkBuilder::new(1).unwrap();
    let op = "custom:org.example.b@1.0.0/f";
    let y = b.op(op, &[b.input()], &[("len", &[1])]).unwrap();
    b.output(y).unwrap();
    let bytes = slopefield_graph::network::encode(&b.finish().unwrap());
    let path = folder.path().join("q.slopefield");
    let mut project = slopefield_project::Project::create(&path).unwrap();
    let network = slopefield_project::RecordedNetwork {
        kind: "org.example.a/n".into(),
        options: String::new(),
        inputs: 1,
        outputs: 1,
        plugin_version: "1.0.0".into(),
        plugin_blake3: "00".into(),
        op_set: slopefield_graph::network::OP_SET,
        bytes,
    };
    project.keep_network(&network).unwrap();
    project.close().unwrap();
    let engine = engine(folder.path(), vec![]);
    let request = PathRequest { path: path.to_string_lossy().into_owned() };
    let error = engine.project_open(request, &mut |_, _| ()).unwrap_err().message;
    assert!(error.contains("`org.example.b@1.0.0/f`, an operator of another plugin"), "{error}");
    engine.shut_down();
}
