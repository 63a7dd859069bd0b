//! Plugins of coefficients: what is checked, and that the methods are what they say.

use crate::common;

use common::*;
use slopefield_adjoint::{
    Case, DiscreteAdjoint, ForwardSensitivity, GradientMethod, Replay, check,
};
use slopefield_plugin_host::{Manifest, Registry, Trust, register_tableaus};
use slopefield_solve::{Ivp, Stepper, tableau};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const IDS: [(&str, f64); 4] = [("bs5", 5.0), ("ssprk43", 3.0), ("rkf45", 4.0), ("cash-karp", 5.0)];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/explicit-pairs")
}

fn full(id: &str) -> String {
    format!("org.slopefield.explicit-pairs/{id}")
}

/// A plugin of somebody else, whom nobody trusts.
fn load(folder: &Path, id: &str) -> Registry {
    Registry::load(&places(folder), &Trust::default(), &[id])
}

/// The bundled plugin of tableaus, installed by itself.
fn pairs() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let folder = scratch("tableaus");
        let place = folder.join("org.slopefield.explicit-pairs/0.1.0");
        fs::create_dir_all(&place).unwrap();
        for file in ["plugin.toml", "tableaus.toml"] {
            fs::copy(source().join(file), place.join(file)).unwrap();
        }
        let registry = load(&folder, "org.slopefield.explicit-pairs");
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    })
}

fn stepper(id: &str) -> Box<dyn Stepper> {
    pairs().stepper(&full(id)).unwrap()
}

#[test]
fn tableaus_are_listed_like_solvers_and_known_to_the_engine() {
    let plugin = &pairs().plugins()[0];
    assert_eq!((plugin.id.as_str(), plugin.hash.len()), ("org.slopefield.explicit-pairs", 64));
    for (id, order) in IDS {
        let solver = pairs().solvers().find(|s| s.id == full(id)).unwrap();
        assert_eq!((solver.order, solver.local_id()), (order, id));
        assert_eq!(f64::from(tableau(&full(id)).unwrap().order), order);
        assert!(slopefield_solve::method(&full(id)).is_some());
        assert!(slopefield_solve::one_step(&full(id)).is_some());
    }
    let given = [("beta".to_owned(), slopefield_lang::OptionValue::Number(1.0))];
    let error = pairs().stepper_with(&full("bs5"), &given).err().unwrap().to_string();
    assert!(error.contains("`beta` is not an option"), "{error}");
}

/// Largest error at the ends of steps of one length along Kepler's ellipse, and within them.
fn errors(id: &str, steps: u32) -> (f64, f64) {
    let (model, end) = (kepler(), 3.0);
    let u0 = kepler_exact(0.0);
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: end, u0: &u0, p: &[] };
    let distance = |u: &[f64], t: f64| {
        u.iter().zip(kepler_exact(t)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let (mut at_ends, mut within): (f64, f64) = (0.0, 0.0);
    let settings = fixed_steps(end / f64::from(steps));
    solve_with(&mut *stepper(id), &ivp, &settings, |stepper, from, to| {
        at_ends = at_ends.max(distance(stepper.state(), to));
        for theta in [0.21, 0.5, 0.83] {
            let (t, mut u) = (from + theta * (to - from), [0.0; 4]);
            stepper.prepare_dense(&ivp);
            stepper.interpolate(t, &mut u).unwrap();
            within = within.max(distance(&u, t));
        }
    })
    .unwrap();
    (at_ends, within)
}

#[test]
fn errors_fall_with_the_order() {
    for (id, order) in IDS {
        let ((coarse, coarse_within), (fine, fine_within)) = (errors(id, 80), errors(id, 160));
        let slope = (coarse / fine).log2();
        // The first error terms of bs5 are so small by design that the next still show here; its
        // order itself is what the rooted trees gave when it was loaded.
        let slack = if id == "bs5" { 0.5 } else { 0.2 };
        assert!((slope - order).abs() < slack, "{id}: {slope} from {coarse:e} to {fine:e}");
        // Errors of the cubic are of fourth order, those of the states of the method's.
        let dense = (coarse_within / fine_within).log2();
        assert!(dense > order.min(4.0) - 0.3, "{id} within steps: {dense}");
    }
}

#[test]
fn lotka_volterra_is_solved_and_errors_follow_tolerances() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    for (id, _) in IDS {
        for rtol in [1e-5, 1e-8] {
            let u = solve(&mut *stepper(id), &ivp, &tolerances(rtol, rtol)).unwrap();
            for (u, exact) in u.iter().zip(LV_AT_10) {
                assert!((u - exact).abs() < 100.0 * rtol, "{id} at {rtol:e}: {u} for {exact}");
            }
        }
    }
}

/// Both exact methods against differences of the same steps.
#[test]
fn gradients_are_those_of_the_steps() {
    let problem = slopefield_problems::lotka_volterra();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 10.0, u0: &problem.u0, p: &problem.p };
    let settings = tolerances(1e-6, 1e-8);
    let saves: Vec<f64> = (0..=30).map(|i| f64::from(i) / 3.0).collect();
    let case = Case { ivp, settings: &settings, saves: &saves };
    let mut squares = |u: &[f64], by_state: &mut [f64]| {
        for (d, u) in by_state.iter_mut().zip(u) {
            *d = 2.0 * u;
        }
        u.iter().map(|u| u * u).sum::<f64>()
    };
    for (id, _) in IDS {
        let name = {
            pairs();
            full(id)
        };
        let table = tableau(&name).unwrap();
        let methods: [Box<dyn GradientMethod>; 2] = [
            Box::new(DiscreteAdjoint::named(&name).unwrap()),
            Box::new(ForwardSensitivity::named(&name).unwrap()),
        ];
        for mut method in methods {
            let report =
                check(&mut *method, &case, Replay::Frozen(table), &mut squares, 3, 7).unwrap();
            assert!(report.worst() < 1e-10, "{} through {id}: {report:?}", report.method);
        }
    }
}

const MANIFEST: &str = "manifest = 1\nid = \"org.a.tables\"\nversion = \"1.0.0\"\nname = \"T\"\n\
                        license = \"MIT\"\n[[provides]]\nkind = \"tableau\"\nid = \"heun\"\nname = \"Heun\"\n";
const HEUN: &str = "[[solver]]\nkind = \"explicit-rk\"\nid = \"heun\"\norder = 2\nembedded_order = 1\n\
                    c = [\"0\", \"1\"]\na = [[\"1\"]]\nb = [\"1/2\", \"1/2\"]\nb_embedded = [\"1\", \"0\"]\n\
                    reference = \"K. Heun 1900\"\nadvice = \"To try.\"\n";

fn problem(root: &Path, text: &str) -> Option<String> {
    let place = root.join("org.a.tables/1.0.0");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(place.join("tableaus.toml"), text).unwrap();
    let registry = load(root, "org.a.tables");
    registry.problems().first().map(|(_, problem)| problem.to_string())
}

#[test]
fn what_a_file_claims_is_checked() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(problem(root.path(), HEUN), None);
    for (from, to, expected) in [
        (
            "order = 2\n",
            "order = 3\n",
            "has order 2, not 3: the condition of order 3 of the tree [tt]",
        ),
        ("order = 2\n", "order = 1\n", "the result has an order of at least 2; `order` says 1"),
        ("embedded_order = 1", "embedded_order = 2", "the embedded result has order 1, not 2"),
        (
            "\"1/2\", \"1/2\"",
            "\"1/2\", \"0.49\"",
            "has order 0, not 2: the condition of order 1 of the tree t",
        ),
        ("[[\"1\"]]", "[[\"9/10\"]]", "row 1 of `a` sums to 0.9 and its `c` is 1"),
        ("[[\"1\"]]", "[[\"1\", \"0\"]]", "row 1 of `a` has 2 entries and must have 1"),
        ("c = [\"0\", \"1\"]", "c = [\"0\", \"3/2\"]", "stage 2 is at c = 1.5, outside the step"),
        ("c = [\"0\", \"1\"]", "c = [\"0\"]", "`c` must have 2 and `a` 1 rows, not 1 and 1"),
        ("[\"1\", \"0\"]", "[\"1/2\", \"1/2\"]", "the error estimate is always zero"),
        ("b_embedded = [\"1\", \"0\"]\n", "", "needs either `b_error` or `b_embedded`"),
        ("\"1/2\", \"1/2\"", "\"1/2\", \"1/0\"", "\"1/0\" divides by zero"),
        ("explicit-rk", "magic", "unknown variant `magic`"),
        ("advice", "fsal = true\nadvice", "its last stage is not the first of the next step"),
        ("advice", "dense = \"spline\"\nadvice", "`dense` must be \"hermite-3\""),
        (
            "advice",
            "dense = [[\"1\"], [\"0\"]]\ndense_order = 1\nadvice",
            "does not end at the result",
        ),
        (
            "advice",
            "dense = [[\"1/2\"], [\"1/2\"]]\ndense_order = 2\nadvice",
            "the interpolant has order 1 at",
        ),
        ("id = \"heun\"", "id = \"hune\"", "`hune` is not among what plugin.toml provides"),
    ] {
        assert!(HEUN.contains(from), "{from}");
        let found = problem(root.path(), &HEUN.replace(from, to));
        assert!(found.as_ref().is_some_and(|f| f.contains(expected)), "{to}: {found:?}");
    }
    // A given interpolant of second order is taken.
    let dense = "dense = [[\"1\", \"-1/2\"], [\"0\", \"1/2\"]]\ndense_order = 2\nadvice";
    assert_eq!(problem(root.path(), &HEUN.replace("advice", dense)), None);
}

#[test]
fn a_plugin_holds_code_or_coefficients() {
    let native = format!("{MANIFEST}[native]\nabi = \"1.0\"\n");
    assert!(Manifest::parse(&native).unwrap_err().contains("holds no code"));
    let solver = MANIFEST.replace("\"tableau\"", "\"solver\"");
    assert!(Manifest::parse(&solver).unwrap_err().contains("missing field `native`"));
}

#[test]
fn the_newest_version_is_known_without_loading_any_code() {
    let root = tempfile::tempdir().unwrap();
    for (version, b, order) in [("1.9.0", "\"1/2\", \"1/2\"", 2), ("1.10.0", "\"1/3\", \"2/3\"", 1)]
    {
        let place = root.path().join("org.newest.tables").join(version);
        fs::create_dir_all(&place).unwrap();
        let manifest = MANIFEST.replace("org.a.", "org.newest.").replace("1.0.0", version);
        fs::write(place.join("plugin.toml"), manifest).unwrap();
        let text = HEUN
            .replace("\"1/2\", \"1/2\"", b)
            .replace("order = 2\n", &format!("order = {order}\n"));
        fs::write(place.join("tableaus.toml"), text).unwrap();
    }
    register_tableaus(&places(root.path()));
    assert_eq!(tableau("org.newest.tables/heun").unwrap().b, [1.0 / 3.0, 2.0 / 3.0]);
}
