//! Models with arrays from text to trajectories, gradients and studies.
use slopefield_graph::network::BuiltinNetworks;
use slopefield_solve::Settings;
use slopefield_study::gradient::Route;
use slopefield_study::simulate::{apply_set, simulate};
use slopefield_study::{
    BuiltinSolvers, CompiledModel, Prepared, SimulateOptions, Simulated, TableData,
};
use slopefield_train::{Methods, Objective, Start};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models");
    std::fs::read_to_string(root.join(name)).unwrap()
}

fn compiled(text: &str) -> CompiledModel {
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    assert_eq!(model.interpreted, None);
    model
}

fn solved(model: &CompiledModel, at: &[f64], method: &str, tolerance: f64) -> Simulated {
    let p = model.start_params(1);
    let u0 = model.initial_state(0.0, &p, &[]);
    let settings =
        Settings { rtol: tolerance, atol: vec![tolerance * 1e-2], ..Settings::default() };
    let options = SimulateOptions {
        from: 0.0,
        at: at.to_vec(),
        method: method.into(),
        settings,
        paths: None,
    };
    simulate(model, &p, &u0, &options, &BuiltinSolvers).unwrap()
}

/// State by name at a row of the result.
fn at(model: &CompiledModel, found: &Simulated, name: &str, row: usize) -> f64 {
    let state = model.model.states.iter().position(|s| s.name == name).unwrap();
    found.states[state][row]
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{found:e}, expected {expected:e}");
}

/// SciPy 1.17.1 on the same equations with numpy's `roll`: DOP853 and Radau at rtol 1e-12 agree to
/// 1e-9 at t = 4 and to 1e-10 elsewhere.
#[test]
fn the_one_dimensional_brusselator_agrees_with_scipy() {
    let model = compiled(&file("brusselator_1d.slope"));
    let found = solved(&model, &[1.0, 4.0, 10.0], "tsit5", 1e-9);
    let names = ["u[1]", "u[10]", "u[20]", "u[40]", "v[1]", "v[20]"];
    let expected = [
        [1.41342124263, 1.89138313200, 1.41934444782, 1.29607821082, 2.22236245772, 2.20334311871],
        [0.46487878887, 0.45059822796, 0.46454605503, 0.46739301897, 4.02731634198, 4.02806391395],
        [0.37074172160, 0.37074585421, 0.37074171405, 0.37074101446, 3.48259286947, 3.48259304590],
    ];
    for (row, expected) in expected.iter().enumerate() {
        for (name, expected) in names.iter().zip(expected) {
            close(at(&model, &found, name, row), *expected, 5e-8);
        }
    }
}

/// A sine decays on a ring at the eigenvalue of the difference operator, 4N² sin²(π/N).
#[test]
fn the_heat_equation_agrees_with_its_analytic_solution() {
    let model = compiled(
        "const N = 50\nparam D = 0.01\nstate u[i in 1..N] = 2 + sin(2*pi*i/N)\n\
         u[i]' = D*N^2*(u[wrap(i - 1)] - 2*u[i] + u[wrap(i + 1)]) for i in 1..N\n\
         let heat = mean(u)\n",
    );
    let times = [0.5, 2.0, 5.0];
    let found = solved(&model, &times, "tsit5", 1e-10);
    let (n, pi) = (50.0, std::f64::consts::PI);
    for (row, t) in times.iter().enumerate() {
        let decay = (-0.01 * 4.0 * n * n * (pi / n).sin().powi(2) * t).exp();
        for i in [1, 13, 37, 50] {
            let expected = 2.0 + (2.0 * pi * f64::from(i) / n).sin() * decay;
            close(at(&model, &found, &format!("u[{i}]"), row), expected, 1e-9);
        }
        close(found.lets[0][row], 2.0, 1e-12);
    }
}

/// The reference of the test set for initial value problem solvers (Bari, CWI) at t = 3.
#[test]
fn the_pleiades_agree_with_the_published_reference() {
    let model = compiled(&file("pleiades.slope"));
    let found = solved(&model, &[0.0, 3.0], "tsit5", 1e-12);
    let expected = [
        ("x[1]", 0.3706139143970502),
        ("x[2]", 3.237284092057233),
        ("x[3]", -3.222559032418324),
        ("x[4]", 0.659709145577531),
        ("x[5]", 0.3425581707156584),
        ("x[6]", 1.562172101400631),
        ("x[7]", -0.7003092922212495),
        ("y[1]", -3.943437585517392),
        ("y[2]", -3.27138097397255),
        ("y[3]", 5.225081843456543),
        ("y[4]", -2.59061243497747),
        ("y[5]", 1.198213693392275),
        ("y[6]", -0.2429682344935824),
        ("y[7]", 1.09144924042898),
        ("x[1]'", 3.417003806314313),
        ("x[7]'", 0.595239635420871),
        ("y[1]'", -3.74124496123401),
        ("y[7]'", -1.947020434263292),
    ];
    for (name, expected) in expected {
        close(at(&model, &found, name, 1), expected, 1e-7);
    }
    // The energy stays, which the reference does not say.
    close(found.lets[0][1], found.lets[0][0], 1e-8);
}

/// 2048 states from text to native code, and a short solve against SciPy's DOP853 at rtol 1e-11.
#[test]
fn the_two_dimensional_brusselator_compiles_as_a_loop() {
    let model = compiled(&file("brusselator_2d.slope"));
    println!("2048 states compiled in {:.1} ms", 1e3 * model.compile_s);
    assert_eq!(model.model.states.len(), 2048);
    assert!(model.lowered.rhs.vjp.code.len() < 500, "the plan holds loops, not elements");
    let found = solved(&model, &[0.05], "tsit5", 1e-8);
    println!("solved in {:.1} ms, {} right-hand sides", 1e3 * found.solve_s, found.stats.rhs);
    for (name, expected) in [
        ("u[1,1]", 1.5126349326001247),
        ("u[5,8]", 1.5126349454142158),
        ("v[1,1]", 1.954980419732689),
        ("v[32,32]", 1.9549804197326903),
    ] {
        close(at(&model, &found, name, 0), expected, 1e-6);
    }
}

#[test]
fn elements_are_set_by_name() {
    let model = compiled("state u[3] = 1\nparam k[2] = [1, 2]\nu' = -k[2]*u\n");
    let mut p = model.start_params(1);
    let set = BTreeMap::from([("u[3]".to_owned(), 7.0), ("k[2]".to_owned(), 5.0)]);
    assert_eq!(apply_set(&model, &set, &mut p).unwrap(), [(2, 7.0)]);
    assert_eq!(p, [1.0, 5.0]);
    let wrong = BTreeMap::from([("u[4]".to_owned(), 7.0)]);
    assert!(apply_set(&model, &wrong, &mut p).unwrap_err().contains("`u[4]`"));
}

#[test]
fn a_failed_solve_names_the_element() {
    let model =
        compiled("const N = 400\nstate u[i in 1..N] = i - 17\nu[i]' = -ln(u[i]) for i in 1..N\n");
    let p = model.start_params(1);
    let u0 = model.initial_state(0.0, &p, &[]);
    let options = SimulateOptions {
        from: 0.0,
        at: vec![1.0],
        method: "tsit5".into(),
        settings: Settings::default(),
        paths: None,
    };
    let error = simulate(&model, &p, &u0, &options, &BuiltinSolvers).unwrap_err().to_string();
    assert!(error.contains("`u[1]`") && error.contains("`ln(u[i])`"), "{error}");
    assert!(error.contains("ln of -16"), "{error}");
    assert!(error.len() < 400, "{error}");
}

const HEAT: &str = "const N = 12\nparam D = 0.02 in [0.001, 1] log\nparam k[i in 1..2] = 0.3\n\
    state u[i in 1..N] = 1 + sin(2*pi*i/N)\n\
    u[i]' = D*N^2*(u[wrap(i - 1)] - 2*u[i] + u[wrap(i + 1)]) - k[1]*u[i] + k[2]*mean(u) for i in 1..N\n\
    observe y[i in 1..N] = u[i] with normal(0.1)\n";

fn prepared(columns: &[(&str, &[f64])], study: &str) -> Prepared {
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
    let tables = BTreeMap::from([("one".to_owned(), TableData { numeric, text: Vec::new() })]);
    let study = slopefield_study::load::parse(study, Path::new("study.toml")).unwrap();
    Prepared::new(HEAT, &study, &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

/// Every gradient method against differences of the same steps, on a model with loops.
#[test]
fn gradients_of_loops_are_exact() {
    let times = [0.0, 0.5, 1.0];
    let prepared = prepared(
        &[("t", &times), ("y[1]", &[1.5, 1.2, 1.0]), ("other", &[0.9, 0.8, 0.7])],
        "[data.one]\nfile = \"one\"\ncolumns = { \"y[12]\" = \"other\" }\n\
         [solver]\nmethod = \"tsit5\"\nrtol = 1e-8\natol = 1e-10\n",
    );
    assert_eq!(prepared.theta_names, ["D", "k[1]", "k[2]"]);
    let seen: Vec<usize> =
        prepared.resolved.experiments[0].series.iter().map(|s| s.observation).collect();
    assert_eq!(seen, [0, 11]);
    let warnings: Vec<String> =
        prepared.resolved.problems.iter().map(ToString::to_string).collect();
    let unbound: Vec<_> = warnings.iter().filter(|w| w.contains("no table has a column")).collect();
    assert_eq!(unbound.len(), 1, "one line for all elements: {warnings:?}");
    assert!(unbound[0].contains("`y[2]`") && unbound[0].contains("2 more"), "{unbound:?}");
    for (method, allowed) in [("discrete", 1e-7), ("forward", 1e-7), ("gauss", 1e-4)] {
        let error =
            slopefield_study::gradient::check(&prepared, method, &BuiltinSolvers, 3).unwrap();
        assert!(error < allowed, "{method}: {error:e}");
    }
}

/// The example finds the rate and the diffusion that made its data, from four of eighty states.
#[test]
fn the_example_finds_what_made_its_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/brusselator-1d");
    let loaded = slopefield_study::load::load(&root.join("study.toml")).unwrap();
    let tables = loaded.tables.iter().map(|(n, t)| (n.clone(), TableData::from(t))).collect();
    let prepared =
        Prepared::new(&loaded.model, &loaded.file, &tables, &BuiltinNetworks, &BuiltinSolvers)
            .unwrap();
    assert_eq!(prepared.theta_names, ["B", "D"]);
    let methods = Methods {
        gradient: Arc::new({
            let model = prepared.model.clone();
            move |_| {
                let (solver, solvers) = ("tsit5", &BuiltinSolvers);
                let route = Route { model: &model, solver, solvers, memory: 1 << 28 };
                route.method("discrete").unwrap()
            }
        }),
        stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
        replay: Arc::new(|_, _| None),
    };
    let mut objective = Objective::new(prepared.problem.clone(), methods).unwrap();
    let control = slopefield_train::Control::default();
    let fit = slopefield_train::train(
        &mut objective,
        &prepared.recipe,
        Start::Problem,
        &control,
        &mut |_| {},
    );
    assert!(fit.stop_reason.is_success(), "{:?}", fit.stop_reason);
    println!("{:?}, loss {:e}", fit.theta, fit.loss);
    close(fit.theta[0], 3.0, 1e-6);
    close(fit.theta[1] / 0.02, 1.0, 1e-6);
}
