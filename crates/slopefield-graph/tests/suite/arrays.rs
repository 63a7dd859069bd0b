//! Loops of the language: the graph of an array model against the model written out by hand,
//! against the language's own evaluator, and against differences.
use crate::support;

use slopefield_graph::plan::Entry;
use slopefield_graph::sparse::Pattern;
use slopefield_graph::{
    BuiltinNetworks, Interpreter, ModelFunction, ReferenceInputs, locate_non_finite, lower,
    reference_eval,
};
use slopefield_kernel::Kernel;
use slopefield_lang::{Model, Severity, evaluate_derivatives};
use support::*;

fn model(text: &str) -> Model {
    let (model, diagnostics) = slopefield_lang::check(text);
    let wrong: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    assert!(model.is_complete, "{wrong:?}");
    model
}

fn wave(len: usize, phase: f64) -> Vec<f64> {
    (0..len).map(|i| 0.8 + 0.5 * (1.3 * i as f64 + phase).sin()).collect()
}

/// All functions of two models and their derivative products have the same values.
#[track_caller]
fn same(arrays: &str, written_out: &str) {
    let (a, b) = (model(arrays), model(written_out));
    let (x, y) = (lowered(&a), lowered(&b));
    for (f, g) in [(&x.rhs, &y.rhs), (&x.initial, &y.initial), (&x.observe, &y.observe)] {
        let (f, g) = (Interpreter::new(f.clone()), Interpreter::new(g.clone()));
        assert_eq!(f.shape(), g.shape());
        let shape = f.shape();
        let (u, mut p) = (wave(shape.states, 0.3), wave(shape.params, 1.0));
        let scalars = a.params.len();
        p[scalars..].iter_mut().for_each(|w| *w -= 0.8);
        let at = (0.7, u.as_slice(), p.as_slice());
        let (du, dp) = (wave(shape.states, 2.0), wave(shape.params, 2.5));
        let along = (0.4, du.as_slice(), dp.as_slice());
        let w = wave(shape.outputs, 5.0);
        for (found, expected) in eval(&f, at.0, at.1, at.2).iter().zip(eval(&g, at.0, at.1, at.2)) {
            close(*found, expected, 1e-13, "value");
        }
        for (found, expected) in jvp(&f, at, along).1.iter().zip(jvp(&g, at, along).1) {
            close(*found, expected, 1e-12, "tangent");
        }
        let (found, expected) = (vjp(&f, at, &w), vjp(&g, at, &w));
        close(found.0, expected.0, 1e-12, "gradient by time");
        for (found, expected) in found.1.iter().zip(expected.1) {
            close(*found, expected, 1e-12, "gradient by states");
        }
        for (found, expected) in found.2.iter().zip(expected.2) {
            close(*found, expected, 1e-12, "gradient by params");
        }
    }
}

/// The right-hand side by plan, by luminal and by the evaluator; its derivatives by differences.
#[track_caller]
fn right(text: &str) {
    let model = model(text);
    let lowered = lowered(&model);
    let kernel = Interpreter::new(lowered.rhs.clone());
    let shape = kernel.shape();
    let (u, p) = (wave(shape.states, 0.3), wave(shape.params, 1.0));
    let at = (0.7, u.as_slice(), p.as_slice());
    let value = eval(&kernel, at.0, at.1, at.2);
    let expected = evaluate_derivatives(&model, at.0, at.1, at.2);
    let inputs = ReferenceInputs { t: at.0, u: u.clone(), p: p.clone(), ..Default::default() };
    let by_graph =
        reference_eval(&model, &BuiltinNetworks, ModelFunction::Rhs, Entry::Eval, &inputs).unwrap();
    for i in 0..value.len() {
        assert!(expected[i].is_finite());
        close(value[i], expected[i], 1e-13, "plan and evaluator");
        close(by_graph.out[i], expected[i], 1e-13, "luminal and evaluator");
    }
    let (dt, du, dp) = (0.4, wave(shape.states, 2.0), wave(shape.params, 2.5));
    let w = wave(shape.outputs, 5.0);
    let moved = |h: f64| -> f64 {
        let along = |x: &[f64], d: &[f64]| -> Vec<f64> {
            x.iter().zip(d).map(|(x, d)| x + h * d).collect()
        };
        let (u, p) = (along(&u, &du), along(&p, &dp));
        let out = evaluate_derivatives(&model, 0.7 + h * dt, &u, &p);
        out.iter().zip(&w).map(|(a, b)| a * b).sum()
    };
    let (slope, error) = ridders(moved, 0.02);
    let tangent: f64 = jvp(&kernel, at, (dt, &du, &dp)).1.iter().zip(&w).map(|(a, b)| a * b).sum();
    let scale = slope.abs().max(1.0);
    assert!((tangent - slope).abs() <= 10.0 * error + 1e-9 * scale, "{tangent} and {slope}");
    let (gt, gu, gp) = vjp(&kernel, at, &w);
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let adjoint = gt * dt + dot(&gu, &du) + dot(&gp, &dp);
    assert!((adjoint - tangent).abs() <= 1e-11 * scale, "{adjoint} and {tangent}");
}

#[test]
fn diffusion_with_ends_and_params() {
    right(
        "const N = 30\nparam D[i in 1..N] = 0.1 + i/N\nparam k = 0.3\n\
         state u[i in 1..N] = sin(i)\nstate s = 1\n\
         u[1]' = D[1]*(u[2] - u[1]) - exp(-k*t)*s\n\
         u[N]' = D[N]*(u[N - 1] - u[N])\n\
         u[i]' = D[i]*(u[i - 1] - 2*u[i] + u[i + 1]) + exp(-k*t)*u[i]^2*i for i in 2..N - 1\n\
         s' = mean(u) - s*max(u) + dot(u, D)\n",
    );
}

#[test]
fn a_grid_of_two_fields() {
    right(
        "const N = 6\nparam A = 1, B = 3.4, a = 0.1\n\
         state u[i in 1..N, j in 1..N] = i/N\nstate v[i in 1..N, j in 1..N] = j/N\n\
         function lap(w, i, j) = w[wrap(i - 1), j] + w[wrap(i + 1), j] + w[i, wrap(j - 1)] + w[i, wrap(j + 1)] - 4*w[i, j]\n\
         function f(i, j) = if (i/N - 0.3)^2 + (j/N - 0.6)^2 <= 0.01 then 5*step(t - 0.5) else 0\n\
         u[i, j]' = A + u[i, j]^2*v[i, j] - (B + 1)*u[i, j] + a*N^2*lap(u, i, j) + f(i, j) for i in 1..N, j in 1..N\n\
         v[i, j]' = B*u[i, j] - u[i, j]^2*v[i, j] + a*N^2*lap(v, i, j) for i in 1..N, j in 1..N\n",
    );
}

#[test]
fn sums_inside_loops() {
    right(
        "const N = 12\nparam K = 0.7\nparam m[i in 1..N] = i\nstate x[i in 1..N] = i\n\
         let tail[i in 1..N] = sum(sqrt(x[j]) for j in 1..i - 1)\n\
         x[i]' = K/N*sum(sin(x[j] - x[i]) for j in 1..N) - tail[N + 1 - i]\n \
         + sum(if j == i then 0 else m[j]/sqrt((x[j] - x[i])^2 + 0.1) for j in 1..N) for i in 1..N\n"
            .replace("\n + sum", " + sum")
            .as_str(),
    );
}

#[test]
fn matrix_products() {
    let text = "const N = 9\nconst W[i in 1..N, j in 1..N] = sin(i*j)\n\
                param V[i in 1..N, j in 1..N] = cos(i + j)\nstate x[i in 1..N] = i\n\
                x[i]' = sum(W[i, j]*x[j] for j in 1..N) + sum(x[j]*V[i, j] for j in 1..N) - x[i] \
                for i in 1..N\n";
    right(text);
    let plan = lowered(&model(text)).rhs.eval.to_string();
    assert_eq!(plan.matches("mat_vec").count() + plan.matches("matvec").count(), 2, "{plan}");
}

#[test]
fn extremes_of_runs() {
    right(
        "const N = 11\nstate x[i in 1..N] = i\n\
         x[i]' = min(x[j]^2*i for j in i..N) - max(x[j]*cos(j*i) for j in 1..N) for i in 1..N\n",
    );
}

#[test]
fn every_second_element_and_many_pieces() {
    right(
        "const N = 200\nparam k = 0.4\nstate x[i in 1..2*N] = i\n\
         x[2*i]' = -k*x[2*i - 1] for i in 1..N\nx[2*i - 1]' = x[2*i]*t + i for i in 1..N\n",
    );
}

#[test]
fn arrays_and_scalars_agree() {
    same(
        "const N = 5\nstate u[i in 1..N] = k*i\nparam k = 2\nlet r[i in 1..N] = u[i]*u[wrap(i + 1)]\n\
         u' = r - k*u\nobserve y[i in 1..N] = r[i] with normal(k/i)\n",
        "state a = k*1, b = k*2, c = k*3, d = k*4, e1 = k*5\nparam k = 2\n\
         a' = a*b - k*a\nb' = b*c - k*b\nc' = c*d - k*c\nd' = d*e1 - k*d\ne1' = e1*a - k*e1\n\
         observe y1 = a*b with normal(k/1)\nobserve y2 = b*c with normal(k/2)\n\
         observe y3 = c*d with normal(k/3)\nobserve y4 = d*e1 with normal(k/4)\n\
         observe y5 = e1*a with normal(k/5)\n",
    );
}

#[test]
fn a_network_of_a_whole_vector() {
    same(
        "network n: mlp(inputs: 3, outputs: 3, hidden: [4])\nstate z[3] = 1\nz' = n(z) - 2*z\n",
        "network n: mlp(inputs: 3, outputs: 3, hidden: [4])\nstate a = 1, b = 1, c = 1\n\
         a' = n(a, b, c)[1] - 2*a\nb' = n(a, b, c)[2] - 2*b\nc' = n(a, b, c)[3] - 2*c\n",
    );
}

#[test]
fn a_network_in_every_lane() {
    for (kind, outputs) in [
        ("hidden: [5, 3], activation: tanh", 1),
        ("hidden: [4], activation: softplus", 2),
        ("hidden: [], activation: tanh", 2),
    ] {
        let network =
            format!("network n: mlp(inputs: 2, outputs: {outputs}, {kind})\nparam k = 2\n");
        let arrays = format!(
            "{network}state u[i in 1..4] = i\n\
             u[i]' = k*n(u[i], u[wrap(i + 1)]^2)[{outputs}] for i in 1..4\n"
        );
        let written_out = format!(
            "{network}state a = 1, b = 2, c = 3, d = 4\n\
             a' = k*n(a, b^2)[{outputs}]\nb' = k*n(b, c^2)[{outputs}]\n\
             c' = k*n(c, d^2)[{outputs}]\nd' = k*n(d, a^2)[{outputs}]\n"
        );
        same(&arrays, &written_out);
    }
}

#[test]
fn a_wide_network_in_every_lane() {
    let inputs: Vec<String> = (1..=130).map(|k| format!("u[i]*{k}/130")).collect();
    let written = |x: &str| -> String {
        (1..=130).map(|k| format!("{x}*{k}/130")).collect::<Vec<_>>().join(", ")
    };
    let network = "network n: mlp(inputs: 130, outputs: 1, hidden: [2])\n";
    same(
        &format!("{network}state u[2] = 1\nu[i]' = n({}) for i in 1..2\n", inputs.join(", ")),
        &format!(
            "{network}state a = 1, b = 1\na' = n({})\nb' = n({})\n",
            written("a"),
            written("b")
        ),
    );
}

#[test]
fn a_loop_with_very_many_operands() {
    let terms: Vec<String> = (1..=90).map(|k| format!("u[i + {k}]*k[{k}]")).collect();
    right(&format!(
        "param k[i in 1..90] = i\nstate u[i in 1..100] = i\n\
         u[i]' = {} for i in 1..10\nu[i]' = -u[i] for i in 11..100\n",
        terms.join(" + ")
    ));
}

#[test]
fn names_of_components() {
    let text = "state u[2] = 1\nu' = 0\nlet r[i in 3..4, j in 1..2] = u[j]*i\nlet s = sum(r)\n";
    let lowered = lowered(&model(text));
    assert_eq!(lowered.let_names, ["r[3,1]", "r[3,2]", "r[4,1]", "r[4,2]", "s"]);
}

#[test]
fn a_failure_names_the_element() {
    let text = "const N = 5\nstate u[i in 1..N] = 1\nlet r[i in 1..N] = sqrt(u[i])\n\
                u[i]' = sum(r[j] for j in i..N) for i in 1..N\n";
    let model = model(text);
    let lowered = lowered(&model);
    let found = locate_non_finite(&model, &lowered, 0.0, &[1.0, -4.0, 1.0, 1.0, 1.0], &[]).unwrap();
    assert_eq!(model.states[found.state.unwrap()].name, "u[1]");
    assert_eq!(slopefield_lang::expression_text(text, found.span), "sqrt(u[i])");
    assert_eq!(found.operands, [-4.0]);
    assert!(locate_non_finite(&model, &lowered, 0.0, &[1.0; 5], &[]).is_none());
}

#[test]
fn the_sparsity_of_a_loop_is_that_of_its_neighbours() {
    let n = 12u32;
    let text = format!(
        "const N = {n}\nparam k = 2\nstate u[i in 1..N] = i\nstate v[i in 1..N] = 1\n\
         u[i]' = k*(u[wrap(i - 1)] - 2*u[i] + u[wrap(i + 1)]) + u[i]^2*v[i] for i in 1..N\n\
         v[i]' = -u[i]*v[i] for i in 1..N\n"
    );
    let lowered = lowered(&model(&text));
    let pattern = Pattern::of(&lowered.rhs.eval);
    for i in 0..n {
        let mut rows = vec![(i + n - 1) % n, i, (i + 1) % n, n + i];
        rows.sort_unstable();
        assert_eq!(pattern.column(i as usize), rows, "u[{}]", i + 1);
        assert_eq!(pattern.column((n + i) as usize), [i, n + i], "v[{}]", i + 1);
    }
}

#[test]
fn a_large_grid_is_a_short_plan() {
    let text = |n: u32| {
        format!(
            "const N = {n}\nstate u[i in 1..N, j in 1..N] = i/N\n\
             u[i, j]' = u[wrap(i - 1), j]*u[i, wrap(j + 1)] - u[i, j] for i in 1..N, j in 1..N\n"
        )
    };
    let count = |n: u32| {
        let lowered = lower(&model(&text(n)), &BuiltinNetworks).unwrap();
        [&lowered.rhs.eval, &lowered.rhs.jvp, &lowered.rhs.vjp, &lowered.initial.eval]
            .map(|plan| plan.code.len())
    };
    assert_eq!(count(8), count(32));
}
