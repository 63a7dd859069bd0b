//! The models in `examples/zoo`, trained as a person would, with the seeds and the recipes of their
//! studies.

use slopefield_discovery::Factor;
use slopefield_graph::BuiltinNetworks;
use slopefield_kernel::Kernel;
use slopefield_study::gradient::Route;
use slopefield_study::terms::{self, LearnedTerm, Replacement};
use slopefield_study::{BuiltinSolvers, Prepared, TableData, load};
use slopefield_train::{Control, Fit, Methods, Objective, Start, train};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A study of the zoo after its training.
struct Trained {
    prepared: Prepared,
    objective: Objective,
    fit: Fit,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/zoo").join(name)
}

#[track_caller]
fn trained(name: &str) -> Trained {
    let folder = folder(name);
    let text = std::fs::read_to_string(folder.join("model.slope")).unwrap();
    fitted(name, &text, &folder)
}

/// A model text after its training on the data of a study.
#[track_caller]
fn fitted(name: &str, text: &str, folder: &Path) -> Trained {
    let loaded = load::load(&folder.join("study.toml")).unwrap();
    let tables = loaded.tables.iter().map(|(n, t)| (n.clone(), TableData::from(t))).collect();
    let prepared = Prepared::new(text, &loaded.file, &tables, &BuiltinNetworks, &BuiltinSolvers);
    let prepared = prepared.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let mut objective = Objective::new(prepared.problem.clone(), methods(&prepared)).unwrap();
    let began = std::time::Instant::now();
    let control = Control::default();
    let fit = train(&mut objective, &prepared.recipe, Start::Problem, &control, &mut |_| {});
    println!(
        "{name}: loss {:.3e} after {} iterations and {} evaluations in {:.1} s, {} and {}; {}; {:?}",
        fit.loss,
        fit.iterations,
        fit.evaluations,
        began.elapsed().as_secs_f64(),
        prepared.solver.0,
        prepared.gradient.0,
        fit.stop_reason.sentence(),
        fit.notes,
    );
    assert!(fit.stop_reason.is_success(), "{}", fit.stop_reason.sentence());
    Trained { prepared, objective, fit }
}

fn methods(prepared: &Prepared) -> Methods {
    let (solver, gradient) = (prepared.solver.0.clone(), prepared.gradient.0.clone());
    let (memory, model) = (prepared.memory, prepared.model.clone());
    let (same, again) = (model.clone(), solver.clone());
    let (played, by) = (model.clone(), solver.clone());
    Methods {
        gradient: Arc::new(move |_| {
            let route = Route { model: &model, solver: &solver, solvers: &BuiltinSolvers, memory };
            route.method(&gradient).unwrap()
        }),
        stepper: Arc::new(move |_| {
            slopefield_study::solvers::stepper(&same, &again, &BuiltinSolvers).unwrap()
        }),
        replay: Arc::new(move |_, times| {
            Route { model: &played, solver: &by, solvers: &BuiltinSolvers, memory }.replay(times)
        }),
    }
}

impl Trained {
    /// The value of a scalar parameter.
    fn parameter(&self, name: &str) -> f64 {
        let at = self.prepared.theta_names.iter().position(|n| n == name).unwrap();
        self.fit.theta[at]
    }

    /// An observation of the first experiment at some times, held-out ones or later ones too.
    fn curve(&self, observation: &str, times: &[f64]) -> Vec<f64> {
        let specs = &self.prepared.problem.observations;
        let at = specs.iter().position(|o| o.name == observation).unwrap();
        self.objective.predict(&self.fit.theta, 0, times).unwrap().swap_remove(at)
    }

    /// The right-hand side at a state, with the parameters that were found.
    fn slopes(&self, t: f64, u: &[f64]) -> Vec<f64> {
        let rhs: &dyn Kernel = &*self.prepared.problem.kernels_of(0).rhs;
        let (mut slopes, mut scratch) = (vec![0.0; u.len()], vec![0.0; rhs.scratch_len()]);
        rhs.eval(t, u, &self.fit.theta, &mut slopes, &mut scratch);
        slopes
    }
}

#[track_caller]
fn near(found: f64, expected: f64, distance: f64) {
    assert!((found - expected).abs() <= distance, "{found}, not {expected} within {distance}");
}

/// Equally spaced times from 0.
fn times(until: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| until * i as f64 / (count - 1) as f64).collect()
}

/// The encounter is -0.9 x y for the one and 0.8 x y for the other.
#[test]
fn universal() {
    let found = trained("universal");
    assert!(found.fit.loss < 2e-3, "{}", found.fit.loss);
    let at = times(3.0, 13);
    let (x, y) = (found.curve("x_seen", &at), found.curve("y_seen", &at));
    for (x, y) in x.into_iter().zip(y) {
        let slopes = found.slopes(0.0, &[x, y]);
        near(slopes[0], 1.3 * x - 0.9 * x * y, 0.05);
        near(slopes[1], 0.8 * x * y - 1.8 * y, 0.15);
    }
    the_encounter_is_discovered(&found);
}

/// The law behind the network is found, with its coefficients, and exactly so once it is trained in
/// the place of the network.
fn the_encounter_is_discovered(found: &Trained) {
    let (prepared, theta) = (&found.prepared, &found.fit.theta);
    let learned = LearnedTerm::all(&prepared.model);
    let until = prepared.forecast_end();
    let visited = terms::visited(prepared, &learned, theta, until, &BuiltinSolvers).unwrap();
    let lists = terms::discovered(prepared, &learned, 0, &visited, theta, &|_| true);
    let mut chosen = Vec::new();
    for (output, (list, expected)) in lists.iter().zip([0.9, 0.8]).enumerate() {
        for c in list {
            let names = ["x".to_owned(), "y".to_owned()];
            let text = c.formula.text(&names, &mut |c| format!("{:.3}", c.value));
            let mark = if c.recommended { "*" } else { "" };
            println!("{output} {} {:.4} {:.4} {text} {mark}", c.complexity, c.error, c.validated);
        }
        let best = list.iter().find(|c| c.recommended).unwrap();
        let [(coefficient, term)] = best.formula.terms() else { panic!("{best:?}") };
        assert_eq!(term.factors, [Factor::Power(0, 1), Factor::Power(1, 1)]);
        near(*coefficient, expected, 0.05 * expected);
        chosen.push(best.formula.clone());
    }
    let all: Vec<_> = (0..2)
        .map(|output| Replacement { term: &learned[0], output, formula: &chosen[output] })
        .collect();
    let text = terms::replace(&prepared.model.text, &prepared.model.model, &all).unwrap();
    assert!(text.contains("let z[2] = [encounter_1*x*y, encounter_2*x*y]"), "{text}");
    let again = fitted("universal, discovered", &text, &folder("universal"));
    near(again.parameter("encounter_1"), 0.9, 1e-4);
    near(again.parameter("encounter_2"), 0.8, 1e-4);
    assert!(again.fit.loss < 1e-3 * found.fit.loss, "{}", again.fit.loss);
}

/// One equation alone could not: the curve passes 0 falling and rising.
#[test]
fn augmented() {
    let found = trained("augmented");
    assert!(found.fit.loss < 1e-3, "{}", found.fit.loss);
    // Between the measurements too.
    for t in times(6.0, 101) {
        let exact = (-t / 10.0).exp() * (2.0 * t).cos();
        near(found.curve("x_seen", &[t])[0], exact, 0.02);
    }
}

/// The acceleration is -sin(angle) - 0.2 angle', though only the angle was measured.
#[test]
fn second_order() {
    let found = trained("second-order");
    assert!(found.fit.loss < 1e-5, "{}", found.fit.loss);
    for (angle, speed) in [(1.2, -0.5), (0.5, -1.1), (0.0, -1.0), (-0.5, -0.9), (0.4, 0.6)] {
        let slopes = found.slopes(0.0, &[angle, speed]);
        assert_eq!(slopes[0], speed);
        near(slopes[1], -f64::sin(angle) - 0.2 * speed, 0.015);
    }
}

/// The learned energy is kept by the learned motion, four times as long as there were data.
#[test]
fn hamiltonian() {
    let found = trained("hamiltonian");
    assert!(found.fit.loss < 1e-2, "{}", found.fit.loss);
    let energy = found.curve("energy", &times(24.0, 49));
    for at in &energy {
        near(*at, energy[0], 5e-5);
    }
    // The energy without its unknown constant: that of a pendulum falls by 1 - cos(1.5) from its
    // height to the bottom, where q = 0 and p² = 2(1 - cos(1.5)).
    let speed = f64::sqrt(2.0 * (1.0 - f64::cos(1.5)));
    let slopes = found.slopes(0.0, &[0.0, speed]);
    near(slopes[0], speed, 0.05);
    near(slopes[1], 0.0, 0.05);
}

/// The delay that made the data is 1, the death rate 1.
#[test]
fn delay() {
    let found = trained("delay");
    assert!(found.fit.loss < 1e-7, "{}", found.fit.loss);
    near(found.parameter("lag"), 1.0, 5e-4);
    near(found.parameter("death"), 1.0, 5e-4);
}

/// The balance holds whatever the network says.
#[test]
fn algebraic() {
    let found = trained("algebraic");
    let at = times(40.0, 41);
    let [a, b, c] = ["a_seen", "b_seen", "c_seen"].map(|name| found.curve(name, &at));
    for ((a, b), c) in a.iter().zip(&b).zip(&c) {
        near(a + 1e-5 * b + c, 1.0, 1e-9);
    }
    // What exact curves would have: the constants of 21 points of each series.
    let exact = 21.0 * (2.0 * 0.01f64.ln() + 0.05f64.ln() + 1.5 * f64::ln(std::f64::consts::TAU));
    assert!(found.fit.loss < exact + 2.0, "{} and {exact}", found.fit.loss);
}

/// The course over nine powers of ten of time, to the accuracy that was asked for.
#[test]
fn stiff() {
    let found = trained("stiff");
    assert_eq!(found.prepared.solver.0, "rodas5p");
    let exact = 38.0 * (2.0 * 0.01f64.ln() + 0.05f64.ln() + 1.5 * f64::ln(std::f64::consts::TAU));
    assert!(found.fit.loss < exact + 2.0, "{} and {exact}", found.fit.loss);
    // Published: Robertson's kinetics at t = 1e5 and, by SciPy, at 40.
    for (t, a) in [(40.0, 0.715_827_068_7), (1e5, 0.017_865_921_1)] {
        near(found.curve("a_seen", &[t])[0], a, 0.01);
    }
}

/// Absorption at the rate 1.2, elimination at 0.6/(0.5 + blood) of what there is.
#[test]
fn dosing() {
    let found = trained("dosing");
    assert!(found.fit.loss < 1e-5, "{}", found.fit.loss);
    near(found.parameter("absorption"), 1.2, 2e-3);
    for blood in [0.2, 0.5, 1.0, 1.5, 2.0] {
        let learned = -found.slopes(0.0, &[0.0, blood])[1] / blood;
        near(learned, 0.6 / (0.5 + blood), 2e-3);
    }
}

/// The least cost of any controller, from the Riccati equation of the linear-quadratic problem.
#[test]
fn control() {
    let found = trained("control");
    // P' = Q + A'P + PA - P B B' P backwards from 0, with A = (0 1; 0 0), B = (0, 1), Q = (1, 0).
    let (mut a, mut b, mut c) = (0.0, 0.0, 0.0);
    let h = 1e-4;
    for _ in 0..100_000 {
        (a, b, c) = (a + h * (1.0 - b * b), b + h * (a - b * c), c + h * (2.0 * b - c * c));
    }
    let least: f64 = a;
    near(least, f64::sqrt(2.0), 1e-3);
    let cost = found.curve("total", &[10.0])[0];
    assert!(cost > least - 1e-3 && cost < 1.01 * least, "{cost} and {least}");
    near(found.fit.loss, cost + f64::ln(2.0), 1e-6);
}

/// Means and variances alone tell the drift -x and the noise 0.5.
#[test]
fn moments() {
    let found = trained("moments");
    let lanes = found.prepared.model.model.states.len();
    for x in [0.5, 1.0, 1.5] {
        near(found.slopes(0.0, &vec![x; lanes])[0], -x, 0.1);
    }
    near(found.curve("spread_at_one", &[0.1])[0], 0.5, 0.03);
    for t in [0.5, 1.0, 2.0] {
        near(found.curve("mean_seen", &[t])[0], 2.0 * f64::exp(-t), 0.06);
        near(found.curve("variance_seen", &[t])[0], 0.125 * (1.0 - f64::exp(-2.0 * t)), 0.02);
    }
}

/// With the drift that made the path, the same filter written independently (SciPy) has its
/// largest likelihood, exp(-38.081), at the strength 0.576.
#[test]
fn likelihood() {
    let found = trained("likelihood");
    // With its penalty, and as probable at least as under the drift that made it.
    assert!(found.fit.loss < 38.081, "{}", found.fit.loss);
    near(found.parameter("strength"), 0.576, 0.1);
    // Two wells: the drift leads away from the middle and back from outside.
    let drift = |x: f64| found.slopes(0.0, &[x, 1e-8, 0.0, 0.0])[0];
    for (x, away) in [(-1.5, 1.0), (-0.5, -1.0), (0.5, 1.0), (1.5, -1.0)] {
        assert!(away * drift(x) > 0.1, "{x} {}", drift(x));
    }
}

/// The samples are about as probable as under the density that they were drawn from, and what the
/// model calls its stretching is how far neighbours move apart.
#[test]
fn flow() {
    let found = trained("flow");
    let start = found.objective.states(&found.fit.theta, 0, &[0.0]).0;
    let (sample, count) = (&start[..start.len() / 2], start.len() / 2);
    let normal = |x: f64, m: f64, sd: f64| {
        f64::exp(-0.5 * ((x - m) / sd).powi(2)) / (sd * f64::sqrt(std::f64::consts::TAU))
    };
    let truth = |x: f64| 0.4 * normal(x, -1.5, 0.4) + 0.6 * normal(x, 1.2, 0.7);
    let surprise = -sample.iter().map(|x| truth(*x).ln()).sum::<f64>() / count as f64;
    let learned = found.curve("total", &[1.0])[0] / count as f64;
    assert!(learned < surprise + 0.02 && learned > surprise - 0.2, "{learned} and {surprise}");

    let end = found.objective.states(&found.fit.theta, 0, &[1.0]).0;
    // Of two neighbours the distance afterwards, by the mean of what stretches both.
    for i in 0..count - 1 {
        let before = sample[i + 1] - sample[i];
        if before > 0.0 && before < 0.1 {
            let stretch = 0.5 * (end[count + i] + end[count + i + 1]);
            let ratio = (end[i + 1] - end[i]) / (before * stretch.exp());
            near(ratio, 1.0, 0.01);
        }
    }
}

/// A value falls to 0.9 of itself.
#[test]
fn jumps() {
    let found = trained("jumps");
    // The loss is a mean over paths: five times 10 + ln 2, and what is left of the distances.
    near(found.fit.loss, 5.0 * (10.0 + f64::ln(2.0)), 1.0);
    near(found.curve("share", &[0.5])[0], 0.9, 0.03);
}

/// Moments of 300 paths are themselves off by a few hundredths.
#[test]
fn swirl() {
    let found = trained("swirl");
    assert_eq!(found.prepared.solver.0, "em");
    for (name, exact, share) in
        [("decay", 0.5, 0.1), ("turn", 2.0, 0.03), ("stretch", 0.4, 0.1), ("shear", 0.6, 0.1)]
    {
        near(found.parameter(name), exact, share * exact);
    }
}

/// Births at the rate 12/(1 + (x/8)²), learned by the likelihood ratio.
#[test]
fn regulation() {
    let found = trained("regulation");
    // A network of the state alone keeps rates constant between jumps.
    assert_eq!(found.prepared.solver.0, "direct");
    assert_eq!(found.prepared.gradient.0, "score");
    for (name, x) in [("rate_at_two", 2.0f64), ("rate_at_six", 6.0), ("rate_at_ten", 10.0)] {
        let exact = 12.0 / (1.0 + (x / 8.0).powi(2));
        let rate = found.curve(name, &[0.4])[0];
        println!("{name}: {rate} for {exact}");
        near(rate, exact, 0.12 * exact);
    }
}

/// Ten digits of 64 pixels, learned from two hundred images and tried on a hundred others.
#[test]
fn digits() {
    let found = trained("digits");
    let [right, others] = ["right", "right_of_others"].map(|name| found.curve(name, &[1.0])[0]);
    println!("right: {right} of the images learned from, {others} of the others");
    assert!(right > 0.95 && others > 0.75, "{right} {others}");
}

/// The restitution with which a ball is at a height of 20 after 15 units of time. The height is not
/// monotone: it has more than ten local maxima, and from most starts a fit ends on one of them below
/// 20. Only near 0.9880 does it pass 20.
#[test]
fn a_ball_reaches_the_height_that_is_asked_for() {
    let text = "state h = 50\nstate v = 0\nparam e = 0.8 in [0.5, 0.9999]\nh' = v\nv' = -9.8\n\
                when h crosses 0 falling: v = -e*v, h = 0\nobserve height = h\n";
    let settings = "[data.d]\nfile = \"d\"\n[solver]\nrtol = 1e-9\natol = 1e-9\n";
    let study = load::parse(settings, Path::new("study.toml")).unwrap();
    let numeric = vec![("t".into(), vec![0.0, 15.0]), ("height".into(), vec![f64::NAN, 20.0])];
    let tables = [("d".to_owned(), TableData { numeric, text: Vec::new() })].into();
    let prepared = Prepared::new(text, &study, &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap();
    let mut objective = Objective::new(prepared.problem.clone(), methods(&prepared)).unwrap();
    let fits = [0.8, 0.86, 0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99].map(|start| {
        let start = Start::Theta(vec![start]);
        train(&mut objective, &prepared.recipe, start, &Control::default(), &mut |_| {})
    });
    // From 0.86 it ends on the local maximum that is published as the answer: 19.3679 at 0.86655.
    near(fits[1].theta[0], 0.866_554_1, 1e-4);
    near(fits[1].loss, 0.632_1 * 0.632_1, 1e-3);
    let best = fits.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)).unwrap();
    let e = best.theta[0];
    near(objective.predict(&[e], 0, &[15.0]).unwrap()[0][0], 20.0, 1e-6);
    near(e, 0.988, 5e-4);
    // And by the closed form of its bounces.
    let (mut begin, mut v) = (f64::sqrt(100.0 / 9.8), e * f64::sqrt(2.0 * 9.8 * 50.0));
    while begin + 2.0 * v / 9.8 < 15.0 {
        begin += 2.0 * v / 9.8;
        v *= e;
    }
    near(v * (15.0 - begin) - 4.9 * (15.0 - begin).powi(2), 20.0, 1e-6);
}
