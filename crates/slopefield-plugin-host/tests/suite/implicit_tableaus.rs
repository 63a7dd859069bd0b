//! Implicit methods given by coefficients: what is checked, and that they are what they say.

use crate::common;

use common::*;
use slopefield_adjoint::{
    Case, GradientMethod, ImplicitAdjoint, ImplicitHybridAdjoint, ImplicitHybridSensitivity,
    ImplicitSensitivity, Replay, check,
};
use slopefield_plugin_host::{Registry, Trust};
use slopefield_problems::{
    Problem, bouncing_ball, forced_relaxation, hires, lotka_volterra, robertson, robertson_dae,
    van_der_pol,
};
use slopefield_solve::rosenbrock::{RODAS4P, ROSENBROCK23};
use slopefield_solve::sdirk::{KENCARP4, TRBDF2};
use slopefield_solve::{Coefficients, Ivp, Settings, Stepper, coefficients, drive};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The bundled methods with their orders, of the result and within steps.
const IDS: [(&str, f64, f64); 5] = [
    ("sdirk4", 4.0, 3.0),
    ("kencarp3", 3.0, 3.0),
    ("kencarp5", 5.0, 3.0),
    ("rodas4", 4.0, 3.0),
    ("ros34pw2", 3.0, 3.0),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/implicit-methods")
}

fn full(id: &str) -> String {
    format!("org.slopefield.implicit-methods/{id}")
}

/// A plugin of somebody else, whom nobody trusts.
fn load(folder: &Path, id: &str) -> Registry {
    Registry::load(&places(folder), &Trust::default(), &[id])
}

/// The bundled plugin, installed by itself.
fn methods() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let folder = scratch("implicit-tableaus");
        let place = folder.join("org.slopefield.implicit-methods/0.1.0");
        fs::create_dir_all(&place).unwrap();
        for file in ["plugin.toml", "tableaus.toml"] {
            fs::copy(source().join(file), place.join(file)).unwrap();
        }
        let registry = load(&folder, "org.slopefield.implicit-methods");
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    })
}

fn stepper(id: &str) -> Box<dyn Stepper> {
    methods().stepper(&full(id)).unwrap()
}

fn ivp(problem: &Problem) -> Ivp<'_> {
    let (t0, t1) = (problem.t0, problem.t1);
    Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p }
}

#[test]
fn methods_are_listed_like_solvers_and_known_to_the_engine() {
    for (id, order, dense) in IDS {
        let solver = methods().solvers().find(|s| s.id == full(id)).unwrap();
        assert_eq!((solver.order, solver.dense_order, solver.implicit), (order, dense, true));
        assert_eq!(coefficients(&full(id)).unwrap().id(), full(id));
        assert!(slopefield_solve::tableau(&full(id)).is_none());
        assert!(slopefield_solve::method(&full(id)).is_some());
        assert!(slopefield_solve::one_step(&full(id)).is_some());
        assert!(slopefield_solve::delay_method(&full(id)).is_some());
    }
}

/// Largest error at the ends of steps of one length along a solution in closed form that depends on
/// time, and within them.
fn errors(id: &str, steps: u32) -> (f64, f64) {
    let (model, end) = (swing(), 3.0);
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: end, u0: &[1.0], p: &[] };
    let (mut at_ends, mut within): (f64, f64) = (0.0, 0.0);
    let settings = Settings {
        // Newton's iteration must not be what is measured.
        h_init: Some(end / f64::from(steps)),
        h_max: end / f64::from(steps),
        ..tolerances(1e-12, 1e-12)
    };
    let mut method = slopefield_solve::FrozenSteps::of(
        {
            methods();
            slopefield_solve::one_step(&full(id)).unwrap()
        },
        (0..=steps).map(|i| end * f64::from(i) / f64::from(steps)).collect(),
    );
    solve_with(&mut method, &ivp, &settings, |stepper, from, to| {
        at_ends = at_ends.max((stepper.state()[0] - swing_exact(0.0, to)).abs());
        for theta in [0.21, 0.5, 0.83] {
            let (t, mut u) = (from + theta * (to - from), [0.0]);
            stepper.prepare_dense(&ivp);
            stepper.interpolate(t, &mut u).unwrap();
            within = within.max((u[0] - swing_exact(0.0, t)).abs());
        }
    })
    .unwrap();
    (at_ends, within)
}

#[test]
fn errors_fall_with_the_order() {
    for (id, order, dense_order) in IDS {
        let ((coarse, coarse_within), (fine, fine_within)) = (errors(id, 40), errors(id, 80));
        let slope = (coarse / fine).log2();
        assert!((slope - order).abs() < 0.35, "{id}: {slope} from {coarse:e} to {fine:e}");
        let dense = (coarse_within / fine_within).log2();
        assert!(dense > order.min(dense_order + 1.0) - 0.35, "{id} within steps: {dense}");
    }
}

#[test]
fn stiff_problems_are_solved_and_errors_follow_tolerances() {
    for problem in [robertson(), robertson_dae(), hires(), van_der_pol()] {
        let reference = problem.references.last().unwrap();
        let ivp = Ivp { t1: reference.t, ..ivp(&problem) };
        for (id, ..) in IDS {
            for rtol in [1e-4, 1e-7] {
                let settings = tolerances(rtol, rtol * 1e-4);
                let u = solve(&mut *stepper(id), &ivp, &settings).unwrap();
                for (u, exact) in u.iter().zip(&reference.u) {
                    let allowed = 300.0 * rtol * exact.abs() + rtol * 1e-2;
                    assert!(
                        (u - exact).abs() < allowed,
                        "{id} on {} at {rtol:e}: {u} for {exact}",
                        problem.id
                    );
                }
            }
        }
    }
}

/// Squares of states in units of their size, so that small ones count.
fn weighed(scales: &[f64]) -> impl FnMut(&[f64], &mut [f64]) -> f64 + use<> {
    let scales = scales.to_vec();
    move |states, by_state| {
        let mut sum = 0.0;
        for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
            let scale = scales[i % scales.len()];
            let off = x / scale - (0.7 * i as f64).sin();
            *w = 2.0 * off / scale;
            sum += off * off;
        }
        sum
    }
}

/// The problem from its solution at `t0` on, where no state is 0.
fn from(mut problem: Problem, t0: f64) -> Problem {
    let mut u0 = vec![0.0; problem.u0.len()];
    let before = Ivp { t1: t0, ..ivp(&problem) };
    let settings = tolerances(1e-8, 1e-12);
    let mut stepper = slopefield_solve::method("rodas5p").unwrap();
    drive(&mut *stepper, &before, &settings, &[t0], &mut u0, None).unwrap();
    (problem.t0, problem.u0) = (t0, u0);
    problem
}

/// Both exact methods against differences of the same steps.
#[test]
fn gradients_are_those_of_the_steps() {
    methods();
    for (problem, t1) in [
        (lotka_volterra(), 6.0),
        (forced_relaxation(), 1.5),
        (from(van_der_pol(), 0.01), 0.6),
        (from(robertson(), 0.4), 40.0),
        (from(robertson_dae(), 0.4), 40.0),
    ] {
        let settings = tolerances(1e-4, 1e-6);
        let saves: Vec<f64> =
            (0..=9).map(|i| problem.t0 + (t1 - problem.t0) * f64::from(i) / 9.0).collect();
        let case = Case { ivp: Ivp { t1, ..ivp(&problem) }, settings: &settings, saves: &saves };
        for (id, ..) in IDS {
            let name = full(id);
            let methods: [Box<dyn GradientMethod>; 2] = [
                Box::new(ImplicitAdjoint::named(&name).unwrap()),
                Box::new(ImplicitSensitivity::named(&name).unwrap()),
            ];
            for mut method in methods {
                let mut loss = weighed(&problem.u0);
                let replay = Replay::Steps(&name);
                let report = check(&mut *method, &case, replay, &mut loss, 3, 7).unwrap();
                assert!(
                    report.worst() < 1e-9,
                    "{} through {id} on {}: {report:?}",
                    report.method,
                    problem.id
                );
            }
        }
    }
}

/// Reverse and forward go through events by different code.
#[test]
fn gradients_through_events_agree() {
    methods();
    let problem = bouncing_ball();
    let settings = tolerances(1e-6, 1e-8);
    let saves: Vec<f64> = (1..=12).map(|i| problem.t1 * f64::from(i) / 12.5).collect();
    for (id, ..) in IDS {
        let name = full(id);
        let methods: [Box<dyn GradientMethod>; 2] = [
            Box::new(ImplicitHybridAdjoint::named(&name).unwrap()),
            Box::new(ImplicitHybridSensitivity::named(&name).unwrap()),
        ];
        let mut found = Vec::new();
        for mut method in methods {
            let (n, m) = (problem.u0.len(), problem.p.len());
            let (mut by_u0, mut by_p) = (vec![0.0; n], vec![0.0; m]);
            let mut loss = weighed(&vec![1.0; n]);
            method
                .evaluate(&ivp(&problem), &settings, &saves, &mut loss, &mut by_u0, &mut by_p)
                .unwrap();
            found.push([by_u0, by_p].concat());
        }
        assert!(found[0].iter().any(|g| g.abs() > 1e-3));
        for (a, b) in found[0].iter().zip(&found[1]) {
            assert!((a - b).abs() < 1e-9 * (1.0 + a.abs()), "{id}: {found:?}");
        }
    }
}

const MANIFEST: &str = "manifest = 1\nid = \"org.a.tables\"\nversion = \"1.0.0\"\nname = \"T\"\n\
                        license = \"MIT\"\n[[provides]]\nkind = \"tableau\"\nid = \"x\"\nname = \"X\"\n";

/// What is wrong with a file with one method `x`.
fn problem(root: &Path, plugin: &str, text: &str) -> Option<String> {
    let place = root.join(plugin).join("1.0.0");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("plugin.toml"), MANIFEST.replace("org.a.tables", plugin)).unwrap();
    fs::write(place.join("tableaus.toml"), text).unwrap();
    let registry = load(root, plugin);
    registry.problems().first().map(|(_, problem)| problem.to_string())
}

fn texts(numbers: &[f64]) -> String {
    let all: Vec<String> = numbers.iter().map(|x| format!("\"{x:?}\"")).collect();
    format!("[{}]", all.join(", "))
}

fn all_texts(rows: &[&[f64]]) -> String {
    let all: Vec<String> = rows.iter().map(|row| texts(row)).collect();
    format!("[{}]", all.join(", "))
}

const REST: &str = "reference = \"r\"\nadvice = \"a\"\n";

/// A built-in table written as a file is the same table again.
#[test]
fn tables_of_files_are_those_of_the_engine() {
    let root = scratch("implicit-again");
    let t = &RODAS4P;
    let text = format!(
        "[[solver]]\nkind = \"rosenbrock\"\nid = \"x\"\norder = 4\nembedded_order = 3\ngamma = \"0.25\"\n\
         a = {}\nc = {}\nm = {}\nm_error = {}\nd = {}\ndense_order = 3\n{REST}",
        all_texts(&t.a[1..]),
        all_texts(&t.c[1..]),
        texts(t.b),
        texts(t.error),
        all_texts(t.dense)
    );
    assert_eq!(problem(&root, "org.again.rodas4p", &text), None);
    let Some(Coefficients::Rosenbrock(found)) = coefficients("org.again.rodas4p/x") else {
        panic!("not known");
    };
    assert_eq!((found.a, found.c, found.b, found.error), (t.a, t.c, t.b, t.error));
    assert_eq!((found.dense, found.chained, found.gamma), (t.dense, t.chained, t.gamma));
    // Times are sums here and rounded decimals there.
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-13);
    assert!(near(found.alpha, t.alpha) && near(found.gamma_sum, t.gamma_sum), "{found:?}");

    // From the form of papers: γ21 = −d, γ31 = (e − 2) d, γ32 = −e d with e = 6 + √2.
    let t = &ROSENBROCK23;
    let (d, e) = (t.gamma, 6.0 + 2.0_f64.sqrt());
    let text = format!(
        "[[solver]]\nkind = \"rosenbrock\"\nid = \"x\"\norder = 2\nembedded_order = 2\ngamma = \"{d:?}\"\n\
         alpha = {}\ngammas = {}\nb = [\"0\", \"1\", \"0\"]\nb_error = {}\n{REST}",
        all_texts(&[&[0.5], &[0.0, 1.0]]),
        all_texts(&[&[-d], &[(e - 2.0) * d, -e * d]]),
        texts(&[1.0 / 6.0, -1.0 / 3.0, 1.0 / 6.0]),
    );
    let wrong = problem(&root, "org.again.rosenbrock23", &text);
    assert_eq!(wrong, None);
    let Some(Coefficients::Rosenbrock(found)) = coefficients("org.again.rosenbrock23/x") else {
        panic!("not known");
    };
    for (found, rows) in [(found.a, t.a), (found.c, t.c)] {
        for (found, row) in found.iter().zip(rows) {
            assert!(
                found.iter().zip(*row).all(|(a, b)| (a - b).abs() < 1e-13),
                "{found:?} {row:?}"
            );
        }
    }
    assert!(near(found.b, t.b) && near(found.alpha, t.alpha), "{found:?}");
    assert!(near(found.gamma_sum, t.gamma_sum), "{found:?}");

    for (t, embedded, plugin) in
        [(&KENCARP4, 3, "org.again.kencarp4"), (&TRBDF2, 3, "org.again.trbdf2")]
    {
        let b: Vec<f64> = (0..t.stages()).map(|i| t.weight(i)).collect();
        let text = format!(
            "[[solver]]\nkind = \"esdirk\"\nid = \"x\"\norder = {}\nembedded_order = {embedded}\n\
             gamma = \"{:?}\"\nc = {}\na = {}\nb = {}\nb_error = {}\ndense = {}\ndense_order = {}\n{REST}",
            t.order,
            t.gamma,
            texts(t.c),
            all_texts(&t.a[1..]),
            texts(&b),
            texts(t.b_error),
            all_texts(t.dense),
            t.dense_order,
        );
        assert_eq!(problem(&root, plugin, &text), None, "{}", t.id);
        let Some(Coefficients::Diagonal(found)) = coefficients(&format!("{plugin}/x")) else {
            panic!("not known");
        };
        assert_eq!((found.a, found.c, found.b_error), (t.a, t.c, t.b_error));
        assert_eq!(
            (found.dense, found.error_order, found.gamma),
            (t.dense, t.error_order, t.gamma)
        );
    }
}

const SDIRK2: &str = "[[solver]]\nkind = \"sdirk\"\nid = \"x\"\norder = 2\nembedded_order = 1\n\
    gamma = \"0.2928932188134524\"\nc = [\"0.2928932188134524\", \"1\"]\na = [[\"0.7071067811865476\"]]\n\
    b = [\"0.7071067811865476\", \"0.2928932188134524\"]\nb_embedded = [\"1\", \"0\"]\n\
    stability = \"L-stable\"\nreference = \"r\"\nadvice = \"a\"\n";

#[test]
fn what_files_of_diagonally_implicit_methods_claim_is_checked() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(problem(root.path(), "org.a.sdirk", SDIRK2), None);
    for (from, to, expected) in [
        ("order = 2\n", "order = 3\n", "has order 2, not 3: the condition of order 3 of the tree"),
        ("order = 2\n", "order = 1\n", "an order of at least 2; `order` says 1"),
        ("embedded_order = 1", "embedded_order = 2", "the embedded result has order 1, not 2"),
        ("gamma = \"0.29", "gamma = \"-0.29", "`gamma` is -0.29"),
        ("gamma = \"0.29", "gamma = \"0.39", "row 0 of `a` and `gamma` sum to 0.39"),
        ("[[\"0.7071067811865476\"]]", "[[\"0.5\"]]", "row 1 of `a` and `gamma` sum to 0.79"),
        (
            "b = [\"0.7071067811865476\", \"0.2928932188134524\"]",
            "b = [\"1/2\", \"1/2\"]",
            "its last stage is not the result: `b` must be the last row of `a` with `gamma`",
        ),
        ("[[\"0.70", "[[\"0\"], [\"0.70", "`c` must have 2 and `a` 1 rows, not 2 and 2"),
        ("\"0.7071067811865476\"]]", "\"0.7071067811865476\", \"0.2\"]]", "without the diagonal"),
        ("\"1\"]\na", "\"3/2\"]\na", "stage 2 is at c = 1.5, outside the step"),
        ("sdirk", "esdirk", "row 0 of `a` and `gamma` sum to 0 and its `c` is 0.29"),
        ("[\"1\", \"0\"]", "[\"0.7071067811865476\", \"0.2928932188134524\"]", "always zero"),
        ("advice", "dense = \"spline\"\nadvice", "`dense` must be \"hermite-3\""),
        ("advice", "dense_order = 2\nadvice", "`dense_order` goes with rows of `dense`"),
        ("advice", "dense = [[\"1\"]]\ndense_order = 1\nadvice", "`dense` has 1 rows for 2 stages"),
        (
            "advice",
            "dense = [[\"1\"], [\"0\"]]\ndense_order = 1\nadvice",
            "does not end at the result",
        ),
        (
            "advice",
            "dense = [[\"0.7071067811865476\"], [\"0.2928932188134524\"]]\ndense_order = 2\nadvice",
            "the interpolant has order 1 at",
        ),
        ("L-stable", "B-stable", "unknown variant `B-stable`"),
        ("advice", "predictor = []\nadvice", "unknown field `predictor`"),
    ] {
        assert!(SDIRK2.contains(from), "{from}");
        let found = problem(root.path(), "org.a.sdirk", &SDIRK2.replacen(from, to, 1));
        assert!(found.as_ref().is_some_and(|f| f.contains(expected)), "{to}: {found:?}");
    }
    // The trapezoidal rule does not damp, and a step of it that looks too far ahead grows.
    let rule = |gamma: &str, order: u32, claim: &str| {
        let left = if gamma == "1/2" { "1/2" } else { "3/5" };
        format!(
            "[[solver]]\nkind = \"esdirk\"\nid = \"x\"\norder = {order}\nembedded_order = 1\n\
             gamma = \"{gamma}\"\nc = [\"0\", \"1\"]\na = [[\"{left}\"]]\nb = [\"{left}\", \"{gamma}\"]\n\
             b_embedded = [\"1\", \"0\"]\n{claim}{REST}"
        )
    };
    assert_eq!(problem(root.path(), "org.a.sdirk", &rule("1/2", 2, "")), None);
    let claim = "stability = \"A-stable\"\n";
    assert_eq!(problem(root.path(), "org.a.sdirk", &rule("1/2", 2, claim)), None);
    let claim = "stability = \"L-stable\"\n";
    let found = problem(root.path(), "org.a.sdirk", &rule("1/2", 2, claim)).unwrap();
    assert!(found.contains("is 1.000e0 at infinity, so it is not L-stable"), "{found}");
    let found = problem(root.path(), "org.a.sdirk", &rule("2/5", 1, "")).unwrap();
    assert!(found.contains("is 1.500 at infinity: stiff parts would grow"), "{found}");
}

/// ROS2 of Verwer and others: two stages, L-stable for γ = 1 − 1/√2.
const ROS2: &str = "[[solver]]\nkind = \"rosenbrock\"\nid = \"x\"\norder = 2\nembedded_order = 1\n\
    gamma = \"0.2928932188134524\"\nalpha = [[\"1\"]]\ngammas = [[\"-0.5857864376269049\"]]\n\
    b = [\"1/2\", \"1/2\"]\nb_embedded = [\"1\", \"0\"]\nstability = \"L-stable\"\nreference = \"r\"\nadvice = \"a\"\n";

#[test]
fn what_files_of_rosenbrock_methods_claim_is_checked() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(problem(root.path(), "org.a.ros", ROS2), None);
    for (from, to, expected) in [
        ("order = 2\n", "order = 3\n", "has order 2, not 3: the condition of order 3 of the tree"),
        ("embedded_order = 1", "embedded_order = 2", "the embedded result has order 1, not 2"),
        (
            "-0.5857864376269049",
            "-0.58",
            "has order 1, not 2: the condition of order 2 of the tree [t]",
        ),
        ("\"0.2928932188134524\"", "\"0\"", "`gamma` is 0 and must be positive"),
        ("alpha = [[\"1\"]]", "alpha = [[\"1\"], [\"1\", \"0\"]]", "so `alpha` must have 1 rows"),
        ("alpha = [[\"1\"]]", "alpha = [[\"1\", \"0\"]]", "row 1 of `alpha` has 2 entries"),
        ("alpha = [[\"1\"]]\n", "", "must be either `alpha`, `gammas` and `b` or"),
        ("gammas", "c", "`alpha` goes with `gammas` and `b`"),
        ("advice", "m = [\"1\"]\nadvice", "do not go with `c`, `m` and `d`"),
        ("\"1/2\", \"1/2\"", "\"1\"", "it has 1 stages; between 2 and 8 are possible"),
        ("b_embedded = [\"1\", \"0\"]\n", "", "needs either `b_error` or `b_embedded`"),
        ("advice", "dense_order = 2\nadvice", "`dense_order` goes with rows of `dense`"),
        ("advice", "dense = [[\"1/2\"], [\"1/2\"]]\nadvice", "need a `dense_order`"),
        (
            "advice",
            "dense = [[\"1/2\"], [\"1/2\"]]\ndense_order = 2\nadvice",
            "the interpolant has order 1 at",
        ),
        ("\"1\"]]\ng", "\"2\"]]\ng", "order 2 of the tree [t]"),
    ] {
        assert!(ROS2.contains(from), "{from}");
        let found = problem(root.path(), "org.a.ros", &ROS2.replacen(from, to, 1));
        assert!(found.as_ref().is_some_and(|f| f.contains(expected)), "{to}: {found:?}");
    }
    // The interpolant that the file leaves out has second order.
    assert_eq!(problem(root.path(), "org.a.ros", ROS2), None);
    let Some(Coefficients::Rosenbrock(table)) = coefficients("org.a.ros/x") else {
        panic!("not known");
    };
    assert_eq!((table.dense_order, table.dense.len()), (2, 1));
    // Rows of increments that do not have their order.
    let text = fs::read_to_string(source().join("tableaus.toml")).unwrap();
    let rodas4 = text.split("[[solver]]").find(|part| part.contains("\"rodas4\"")).unwrap();
    let rodas4 = format!("[[solver]]{rodas4}").replace("\"rodas4\"", "\"x\"");
    assert_eq!(problem(root.path(), "org.a.ros", &rodas4), None);
    for (from, to, expected) in [
        ("\"10.12623508344586\"", "\"10.2\"", "the interpolant has order 0 at θ = 0.04, not 3"),
        ("dense_order = 3", "dense_order = 4", "the interpolant has order 3 at θ = 0.04, not 4"),
        ("\"0.9466785280815826\"", "\"0.946678529\"", ", not 4: the condition of order"),
        ("advice", "b = [\"1\"]\nadvice", "do not go with `gammas`, `b` and `dense`"),
    ] {
        let found = problem(root.path(), "org.a.ros", &rodas4.replacen(from, to, 1));
        assert!(found.as_ref().is_some_and(|f| f.contains(expected)), "{to}: {found:?}");
    }
}
