//! The model texts of the standard problems against their hand-written right-hand sides.
use slopefield_graph::network::BuiltinNetworks;
use slopefield_kernel::{DelayedRead, Delays, JumpChange, Kernel, MatrixKernel, NoiseKind};
use slopefield_lang::{ReactionMode, Severity};
use slopefield_problems::{Class, Problem, everything};
use slopefield_study::CompiledModel;

/// A deterministic number in [−1, 1].
fn number(index: usize) -> f64 {
    (index as f64 * 12.9898 + 0.345).sin()
}

fn eval(kernel: &dyn Kernel, t: f64, u: &[f64], p: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; kernel.shape().outputs];
    let mut scratch = vec![0.0; kernel.scratch_len()];
    kernel.eval(t, u, p, &mut out, &mut scratch);
    out
}

/// The first value that differs by more than so much of the largest.
fn difference(ours: &[f64], theirs: &[f64], rounding: f64) -> Option<usize> {
    let scale = theirs.iter().fold(1e-300_f64, |a, b| a.max(b.abs()));
    ours.iter().zip(theirs).position(|(a, b)| !((a - b).abs() <= rounding * scale))
}

#[track_caller]
fn same(what: &str, ours: &[f64], theirs: &[f64], rounding: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    if let Some(i) = difference(ours, theirs, rounding) {
        panic!("{what}: value {i} is {:e}, not {:e}", ours[i], theirs[i]);
    }
}

/// Each equation of `M u' = f`: its row of `M` and behind that its `f`, divided by what is first in
/// the row, since the language divides by factors of single derivatives.
fn rows(mass: &dyn MatrixKernel, f: &[f64], t: f64, p: &[f64]) -> Vec<Vec<f64>> {
    let pattern = mass.pattern();
    let mut values = vec![f64::NAN; pattern.rows.len()];
    mass.eval(t, &vec![f64::NAN; f.len()], p, &mut values, &mut vec![0.0; mass.scratch_len()]);
    let mut rows: Vec<Vec<f64>> = vec![vec![0.0; f.len()]; f.len()];
    for (j, ends) in pattern.starts.windows(2).enumerate() {
        for k in ends[0]..ends[1] {
            rows[pattern.rows[k] as usize][j] = values[k];
        }
    }
    for (row, f) in rows.iter_mut().zip(f) {
        row.push(*f);
        let first = row[..row.len() - 1].iter().copied().find(|x| *x != 0.0);
        row.iter_mut().for_each(|x| *x /= first.unwrap_or(1.0));
    }
    rows
}

/// Compares systems with mass matrices. Where the index was reduced, the algebraic equations of the
/// text that were differentiated are among the invariants, and the others in any order.
fn same_rows(
    problem: &Problem,
    model: &CompiledModel,
    (t, u, p): (f64, &[f64], &[f64]),
    ours: &[Vec<f64>],
    theirs: &[Vec<f64>],
) {
    let id = problem.id;
    let differential = |row: &[f64]| row[..row.len() - 1].iter().any(|x| *x != 0.0);
    let value = |row: &Vec<f64>| *row.last().unwrap();
    let reduced = !model.model.invariants.is_empty();
    let algebraic = ours.iter().filter(|row| !differential(row));
    let kept: Vec<f64> = algebraic.map(value).collect();
    let mut constraints = Vec::new();
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(differential(a), differential(b), "{id}: row {i} of the mass matrix");
        let b_value = value(b);
        if differential(b) || !reduced {
            same(&format!("{id} at t = {t}, equation {i}"), a, b, 1e-11);
        } else if !kept.iter().any(|a| difference(&[*a], &[b_value], 1e-9).is_none()) {
            constraints.push(b_value);
        }
    }
    let values = model.invariants.as_ref().map_or(Vec::new(), |kernel| eval(&**kernel, t, u, p));
    let texts = model.model.invariants.iter().zip(values);
    let found: Vec<f64> =
        texts.filter(|(invariant, _)| invariant.order == 0).map(|(_, value)| value).collect();
    same(&format!("{id} at t = {t}, constraints"), &found, &constraints, 1e-12);
}

/// Where each delayed value of `theirs` stands among those of `ours`: the same state at the same
/// time.
fn places(ours: &Delays<'_>, theirs: &Delays<'_>, lags: [&[f64]; 2]) -> Vec<usize> {
    let lag = |lags: &[f64], read: &DelayedRead| lags[read.lag as usize];
    let place = |wanted: &DelayedRead| {
        let matches = |read: &DelayedRead| {
            read.state == wanted.state
                && read.slope == wanted.slope
                && (lag(lags[0], read) - lag(lags[1], wanted)).abs() < 1e-12
        };
        ours.reads.iter().position(matches).unwrap()
    };
    assert_eq!(ours.reads.len(), theirs.reads.len());
    theirs.reads.iter().map(place).collect()
}

/// Compares everything that both know of the system at some points.
fn compare(problem: &Problem, model: &CompiledModel) {
    let id = problem.id;
    let (ours, theirs) = (model.rhs.structure(), problem.rhs.structure());
    let p = model.start_params(1);
    same(&format!("{id}, parameters"), &p, &problem.p, 1e-15);
    let start = model.initial_state(problem.t0, &p, &[]);
    let n = problem.u0.len();
    // Derivatives of algebraic variables may be added where the index is reduced.
    let (start, added) = start.split_at(n);
    same(&format!("{id}, start"), start, &problem.u0, 1e-14);
    for k in 0..4 {
        let t = problem.t0 + (0.13 + 0.2 * k as f64) * (problem.t1 - problem.t0).min(30.0);
        let mut u: Vec<f64> = problem
            .u0
            .iter()
            .enumerate()
            .map(|(i, x)| x + 0.2 + 0.19 * number(100 * k + i))
            .collect();
        let mut reordered = u.clone();
        if let (Some(ours), Some(theirs)) = (&ours.delays, &theirs.delays) {
            let z = theirs.reads.len();
            u.resize(n + z, 0.0);
            let lags = [ours, theirs].map(|delays| eval(delays.lags, t, &u, &p));
            let places = places(ours, theirs, [&lags[0], &lags[1]]);
            reordered.resize(n + z, 0.0);
            for (theirs, ours) in places.into_iter().enumerate() {
                let past = 0.6 + 0.3 * number(17 * k + theirs);
                (u[n + theirs], reordered[n + ours]) = (past, past);
            }
            for t in [problem.t0 - 0.03, problem.t0 - 50.0] {
                // Histories that end at a time do not say more.
                let [a, b] = [ours, theirs].map(|delays| eval(delays.history, t, &[], &p));
                if b.iter().all(|x| x.is_finite()) {
                    same(&format!("{id}, history"), &a, &b, 1e-14);
                }
            }
        }
        reordered.extend((0..added.len()).map(|i| 0.4 + 0.3 * number(i)));
        let [a, b] = [(&*model.rhs, &reordered), (&*problem.rhs, &u)]
            .map(|(kernel, u)| eval(kernel, t, u, &p));
        match (ours.mass, theirs.mass) {
            (Some(ours), Some(theirs)) => {
                let [mut ours, theirs] =
                    [(ours, &a), (theirs, &b)].map(|(mass, f)| rows(mass, f, t, &p));
                for row in &mut ours {
                    assert!(
                        row.drain(n..row.len() - 1).all(|x| x == 0.0),
                        "{id}: mass of what is added"
                    );
                }
                same_rows(problem, model, (t, &reordered, &p), &ours, &theirs);
            }
            _ => same(&format!("{id} at t = {t}"), &a, &b, 1e-11),
        }
        if let (Some(ours), Some(theirs)) = (&ours.noise, &theirs.noise) {
            assert_eq!((ours.sources, ours.calculus), (theirs.sources, theirs.calculus), "{id}");
            let [mut a, mut b] = [ours, theirs].map(|noise| {
                let found = eval(noise.coefficients, t, &u, &p);
                (found, noise.kind)
            });
            // One may know more than the other.
            for (values, kind) in [&mut a, &mut b] {
                if *kind == NoiseKind::Diagonal {
                    let full =
                        (0..n * n).map(|i| if i % (n + 1) == 0 { values[i / n] } else { 0.0 });
                    *values = full.collect();
                }
            }
            same(&format!("{id}, noise"), &a.0, &b.0, 1e-13);
        }
        if let (Some(ours), Some(theirs)) = (&ours.jumps, &theirs.jumps) {
            let [a, b] = [ours, theirs].map(|jumps| eval(jumps.rates, t, &u, &p));
            same(&format!("{id}, rates"), &a, &b, 1e-13);
            for (ours, theirs) in ours.changes.iter().zip(theirs.changes) {
                let [a, b] = [ours, theirs].map(|change| match change {
                    JumpChange::Set(kernel) => eval(&**kernel, t, &u, &p),
                    JumpChange::Add(list) => {
                        let mut after = u.clone();
                        list.iter().for_each(|(i, x)| after[*i as usize] += x);
                        after
                    }
                });
                same(&format!("{id}, change"), &a, &b, 1e-13);
            }
        }
        if let (Some(ours), Some(theirs)) = (&ours.events, &theirs.events) {
            assert_eq!(ours.list.len(), theirs.list.len(), "{id}");
            if let (Some(a), Some(b)) = (ours.roots, theirs.roots) {
                same(
                    &format!("{id}, roots"),
                    &eval(a, t, &reordered, &p),
                    &eval(b, t, &u, &p),
                    1e-14,
                );
            }
            assert_eq!(ours.affects.len(), theirs.affects.len(), "{id}");
            for (a, b) in ours.affects.iter().zip(theirs.affects) {
                let changed = eval(&**a, t, &reordered, &p);
                same(&format!("{id}, affect"), &changed[..n], &eval(&**b, t, &u, &p), 1e-14);
            }
        }
    }
    let parts = |s: &slopefield_kernel::Structure<'_>| {
        let (delays, noise) = (s.delays.is_some(), s.noise.is_some());
        [delays, noise, s.jumps.is_some(), s.events.is_some(), s.mass.is_some()]
    };
    assert_eq!(parts(&ours), parts(&theirs), "{id}: delays, noise, jumps, events, mass matrix");
}

#[test]
fn model_texts_are_the_equations_written_by_hand() {
    let mut compared = 0;
    for problem in everything() {
        let Some(text) = problem.text else { continue };
        let (_, diagnostics) = slopefield_lang::check(text);
        let rendered = slopefield_lang::render(text, problem.id, &diagnostics, false);
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
        let codes: Vec<_> = errors.map(|d| d.code).collect();
        assert!(codes.is_empty(), "{}:\n{rendered}", problem.id);
        let mode = match problem.class {
            Class::Jump => ReactionMode::Jumps,
            Class::Stochastic => ReactionMode::Langevin,
            _ => ReactionMode::Ode,
        };
        let model = CompiledModel::with_reactions(text, &BuiltinNetworks, mode).unwrap();
        compare(&problem, &model);
        compared += 1;
    }
    // Without a text: two networks with weights of their own, the beam, the medical problem, neutral
    // equations, and networks of reactions of which there are many of a kind.
    assert_eq!(compared, everything().len() - 2 - 2 - 13 - 3);
}
