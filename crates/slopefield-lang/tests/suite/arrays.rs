//! Arrays in checked models: their values are those of the model written out by hand.

use slopefield_lang::{
    Array, ArrayElements, ExprKind, Model, ParamId, Severity, StateId, VectorKind, check,
    evaluate_derivatives, evaluate_initial, evaluate_lets, latex,
};

fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    let wrong: Vec<_> = diagnostics.iter().filter(|d| d.severity >= Severity::Warning).collect();
    assert!(model.is_complete && wrong.is_empty(), "{wrong:?}");
    model
}

/// Both models have the same right-hand sides and initial values, bit for bit.
fn same(array: &str, written_out: &str) {
    let (a, b) = (right(array), right(written_out));
    assert_eq!(a.states.len(), b.states.len());
    let params: Vec<f64> = a.params.iter().map(|p| p.value).collect();
    assert_eq!(params, b.params.iter().map(|p| p.value).collect::<Vec<_>>());
    assert_eq!(evaluate_initial(&a, &params), evaluate_initial(&b, &params));
    for seed in 1..4 {
        let states: Vec<f64> =
            (0..a.states.len()).map(|i| (f64::from(seed) * 1.7 + i as f64 * 0.9).sin()).collect();
        let time = 0.3 * f64::from(seed);
        let found = evaluate_derivatives(&a, time, &states, &params);
        let expected = evaluate_derivatives(&b, time, &states, &params);
        assert!(expected.iter().all(|x| x.is_finite()), "{expected:?}");
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[test]
fn neighbours_of_a_periodic_array() {
    same(
        "const N = 4\nstate u[i in 1..N] = sin(i/N)\nparam D = 0.3\n\
         u[i]' = D*(u[wrap(i - 1)] - 2*u[i] + u[wrap(i + 1)]) + i*t for i in 1..N\n",
        "param D = 0.3\nstate a = sin(1/4), b = sin(2/4), c = sin(3/4), d = sin(4/4)\n\
         a' = D*(d - 2*a + b) + 1*t\nb' = D*(a - 2*b + c) + 2*t\n\
         c' = D*(b - 2*c + d) + 3*t\nd' = D*(c - 2*d + a) + 4*t\n",
    );
}

#[test]
fn ends_with_equations_of_their_own() {
    same(
        "const N = 4\nstate u[i in 0..N - 1] = [1, 2, k, 4*k]\nparam k = 3\n\
         u[0]' = -u[0]\nu[i]' = u[i - 1] - u[clamp(i + 5)] for i in 1..N - 2\nu[N - 1]' = k\n",
        "param k = 3\nstate a = 1, b = 2, c = k, d = 4*k\na' = -a\nb' = a - d\nc' = b - d\nd' = k\n",
    );
}

#[test]
fn grids_tables_and_functions_of_indices() {
    same(
        "const K = [[1, 2, 3], [4, 5, 6]]\nstate w[i in 1..2, j in 1..3] = K[i, j]/10\n\
         function left(q, i, j) = if j == 1 then 0 else q[i, j - 1]\n\
         w[i, j]' = left(w, i, j)*K[3 - i, j] - w[i, j]^2 for i in 1..2, j in 1..3\n",
        "state a = 1/10, b = 2/10, c = 3/10, d = 4/10, e1 = 5/10, f = 6/10\n\
         a' = 0*4 - a^2\nb' = a*5 - b^2\nc' = b*6 - c^2\n\
         d' = 0*1 - d^2\ne1' = d*2 - e1^2\nf' = e1*3 - f^2\n",
    );
}

#[test]
fn sums_inside_loops() {
    same(
        "state x[3] = [1, 2, 4]\nparam m[i in 1..3] = 1/i\n\
         x[i]' = sum(if j == i then 0 else m[j]*(x[j] - x[i])/abs(x[j] - x[i])^3 for j in 1..3) \
         for i in 1..3\n",
        "state a = 1, b = 2, c = 4\nparam m1 = 1, m2 = 1/2, m3 = 1/3\n\
         a' = 0 + m2*(b - a)/abs(b - a)^3 + m3*(c - a)/abs(c - a)^3\n\
         b' = m1*(a - b)/abs(a - b)^3 + 0 + m3*(c - b)/abs(c - b)^3\n\
         c' = m1*(a - c)/abs(a - c)^3 + m2*(b - c)/abs(b - c)^3 + 0\n",
    );
}

#[test]
fn reductions() {
    same(
        "state u[3] = [1, 5, 2]\nstate s = 0\nlet top = max(u)\n\
         u[i]' = mean(u) - sum(u[j] for j in 1..i - 1) + min(u[j]^2 for j in 1..i) for i in 1..3\n\
         s' = top + dot(u, [1, 2, 3]) + mean(u[i]*u[j] for i in 1..3, j in i..3) + sum([1, s])\n",
        "state a = 1, b = 5, c = 2, s = 0\nlet top = max(a, b, c)\nlet m = (a + b + c)/3\n\
         a' = m - 0 + a^2\nb' = m - a + min(a^2, b^2)\nc' = m - (a + b) + min(a^2, b^2, c^2)\n\
         s' = top + (a*1 + b*2 + c*3) + (a*a + a*b + a*c + b*b + b*c + c*c)/6 + (1 + s)\n",
    );
}

#[test]
fn whole_vectors() {
    same(
        "state z[3] = 2\nconst k = [1, 2, 3]\nlet r[3] = z*k\nlet q[i in 1..3] = r[4 - i] + t\n\
         z' = -k*z + r + sum(z)*q[2]\n",
        "state a = 2, b = 2, c = 2\n\
         a' = -1*a + a*1 + (a + b + c)*(b*2 + t)\nb' = -2*b + b*2 + (a + b + c)*(b*2 + t)\n\
         c' = -3*c + c*3 + (a + b + c)*(b*2 + t)\n",
    );
}

#[test]
fn second_order_arrays() {
    let text = "state x[i in 1..2] = i, x[2]' = [k, 0]\nparam k = 3\n\
                x[i]'' = -k*x[i] - 0.1*x[i]' for i in 1..2\n";
    let model = right(text);
    let names: Vec<&str> = model.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["x[1]", "x[2]", "x[1]'", "x[2]'"]);
    assert_eq!(model.states[0].derivative.kind, ExprKind::State(StateId(2)));
    assert_eq!(evaluate_initial(&model, &[3.0]), [1.0, 2.0, 3.0, 0.0]);
    let found = evaluate_derivatives(&model, 0.0, &[1.0, 2.0, 3.0, 4.0], &[3.0]);
    assert_eq!(found, [3.0, 4.0, -3.0 - 0.1 * 3.0, -6.0 - 0.1 * 4.0]);
}

#[test]
fn second_order_as_a_whole() {
    same(
        "param k = 3\nstate x[2] = [1, 2], x[2]' = 0.5\nx'' = -k*x - 0.1*x' + x[1]'\n",
        "param k = 3\nstate a = 1, b = 2, c = 0.5, d = 0.5\na' = c\nb' = d\n\
         c' = -k*a - 0.1*c + c\nd' = -k*b - 0.1*d + c\n",
    );
}

#[test]
fn initial_values_through_arrays_of_names() {
    same(
        "param k = 2\nlet r[i in 1..3] = k*i\nstate u[i in 1..3] = r[4 - i] + 1 in [0, 9]\nu' = r\n",
        "param k = 2\nstate a = k*3 + 1 in [0, 9], b = k*2 + 1 in [0, 9], c = k*1 + 1 in [0, 9]\n\
         a' = k*1\nb' = k*2\nc' = k*3\n",
    );
}

#[test]
fn conditions_on_an_index_and_functions_of_arrays() {
    same(
        "const N = 4\nstate u[i in 1..N] = i\nstate v[i in 0..2] = 1\n\
         function left(q, i) = if i == 1 then q[N] else if i == N and t > 0 then 0 else q[i - 1]\n\
         function power(q, p) = sum(q[i]^p for i in 1..3)\n\
         u[i]' = left(u, i) + (if i > 2 and u[i] > 0 then v[i - 2] else 0) for i in 1..N\n\
         v[i]' = power(u, i) - v[2 - i] for i in 0..2\n",
        "state a = 1, b = 2, c = 3, d = 4, x = 1, y = 1, z = 1\n\
         a' = d + 0\nb' = a + 0\nc' = b + (if c > 0 then y else 0)\n\
         d' = (if t > 0 then 0 else c) + (if d > 0 then z else 0)\n\
         x' = (a^0 + b^0 + c^0) - z\ny' = (a^1 + b^1 + c^1) - y\nz' = (a^2 + b^2 + c^2) - x\n",
    );
}

#[test]
fn elements_have_names_bounds_and_params_of_their_own() {
    let text = "state u[i in 1..2] = 2*i {m} in [0, 9] fit\nparam k[2, 2] = 1 in [0.1, 5] log\n\
                u[i]' = -k[i, 1]*u[i] + k[1, 2] - k[2, 2] for i in 1..2\n\
                let r[i in 5..6] = u[i - 4]*t\n\
                observe y[i in 1..2] = u[i] with normal(i/10)\n";
    let model = right(text);
    let names: Vec<&str> = model.params.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["k[1,1]", "k[1,2]", "k[2,1]", "k[2,2]", "u[1](0)", "u[2](0)"]);
    assert_eq!((model.params[5].value, model.params[5].bounds), (4.0, (0.0, 9.0)));
    assert_eq!(model.states[1].initial.kind, ExprKind::Param(ParamId(5)));
    assert_eq!(model.observations[1].name, "y[2]");
    assert_eq!(model.observations[1].unit.as_deref(), Some("m"));
    let arrays: Vec<_> = model.arrays.iter().map(|a| (a.name.as_str(), a.elements)).collect();
    assert!(arrays.contains(&("u", ArrayElements::States(StateId(0)))));
    assert!(arrays.contains(&("k", ArrayElements::Params(ParamId(0)))));
    assert!(arrays.contains(&("y", ArrayElements::Observations(0))));
    let r: &Array = model.arrays.iter().find(|a| a.name == "r").unwrap();
    assert_eq!((r.dimensions.as_slice(), r.len()), (&[(5, 6)][..], 2));
    assert_eq!(evaluate_lets(&model, 2.0, &[3.0, 4.0], &[1.0; 6]), [[6.0, 8.0]]);
}

#[test]
fn networks_of_arrays_and_in_lanes() {
    let text = "network n: mlp(inputs: 3, outputs: 3)\nnetwork m: mlp(inputs: 2, outputs: 1)\n\
                state z[3] = 1\nstate u[3] = 1\nz' = n(z) - z\n\
                u[i]' = m(u[i], u[wrap(i + 1)]) + n(z)[i] for i in 1..3\n";
    let model = right(text);
    assert_eq!(model.calls.len(), 1, "equal calls are one, in a loop too");
    assert_eq!(model.calls[0].arguments.len(), 3);
    let networks = model.vectors.iter().filter(|v| matches!(v.kind, VectorKind::Network { .. }));
    assert_eq!(networks.map(|v| v.len).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_loop_is_one_expression() {
    let grid = |n: usize| {
        format!(
            "const N = {n}\nstate u[i in 1..N, j in 1..N] = i*j\n\
             function lap(w, i, j) = w[wrap(i - 1), j] + w[i, wrap(j - 1)] - 4*w[i, j]\n\
             u[i, j]' = lap(u, i, j) + u[i, j]^2 for i in 1..N, j in 1..N\n"
        )
    };
    let (small, large) = (right(&grid(3)), right(&grid(64)));
    assert_eq!((large.states.len(), large.vectors.len()), (4096, 1));
    assert_eq!(large.vectors.len(), small.vectors.len());
    let began = std::time::Instant::now();
    let huge = right(&grid(512));
    println!("512 × 512 elements in {:?}", began.elapsed());
    assert_eq!(huge.vectors.len(), 1);
}

#[test]
fn arrays_are_typeset() {
    let text = "state u[i in 1..9] = 0\nu[i]' = u[i - 1] for i in 2..9\n\
                let s = sum(u[i]^2 for i in 1..9)\nobserve y[i in 1..9] = u[i]\n";
    let expected = [
        r"\frac{\mathrm{d} {u}_{i}}{\mathrm{d} t} = {u}_{i - 1},\quad i = 2, \ldots, 9",
        r"s = \sum_{i = 1}^{9} {{u}_{i}}^{2}",
        r"{y}_{i} \approx {u}_{i},\quad i = 1, \ldots, 9",
    ];
    assert_eq!(latex(text), expected);
}

#[test]
fn primes_of_elements_are_their_right_hand_sides() {
    let text = "const N = 3\nstate u[i in 1..N] = i\nstate v[i in 1..N] = 0\nstate x = 0\n\
                u[i]' = -i*u[i] for i in 1..N\nv[i]' = u[wrap(i + 1)]' + 1 for i in 1..N\n\
                x' = u[2]' + sum(v[i]' for i in 1..N)\n";
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    let slopes = evaluate_derivatives(&model, 0.0, &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0], &[]);
    assert_eq!(slopes, [-1.0, -4.0, -9.0, -3.0, -8.0, 0.0, -4.0 - 11.0]);
    let whole = check("state u[2] = 1\nstate v[2] = 0\nu' = -u\nv' = 2*u'\n").0;
    assert_eq!(evaluate_derivatives(&whole, 0.0, &[3.0, 5.0, 0.0, 0.0], &[])[2..], [-6.0, -10.0]);
    let codes = |text: &str| check(text).1.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(codes("state u[2] = 1\nstate v[2] = 0\nu' = v'\nv' = u'\n"), ["cycle"]);
    assert_eq!(codes("state u[2] = 1\nu' = u\nobserve y = u'\n"), ["vector-as-scalar"]);
    assert_eq!(
        codes(
            "state u[2] = 1\nstate v[2] = 0\nu[1]' = -u[1]^2\nu[2]' = 1\nv[i]' = u[i]' for i in 1..2\n"
        ),
        ["misplaced-prime"]
    );
}
