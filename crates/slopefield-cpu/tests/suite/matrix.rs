//! Compiled Jacobians against forward products of the same right-hand side.

use slopefield_cpu::{compile, compile_matrix};
use slopefield_graph::{BuiltinNetworks, MatrixInterpreter, lower, lower_jacobian};
use slopefield_kernel::{Kernel, MatrixKernel, Point, Tangent};

const MODELS: [(&str, usize); 4] = [
    // Robertson's kinetics: 7 of 9 entries, found by three groups.
    (
        "state a = 1\nstate b = 0\nstate c = 0\nparam k1 = 0.04\nparam k2 = 3e7\nparam k3 = 1e4\n\
         a' = -k1*a + k3*b*c\nb' = k1*a - k3*b*c - k2*b^2\nc' = k2*b^2\n",
        7,
    ),
    // Branches, powers, explicit time.
    (
        "state x = 0.5\nstate y = 2\nparam k = 1.5\n\
         let r = if x < y then x^k*exp(-t) else sqrt(y)\nx' = r - y\ny' = max(x, y)*tanh(r) + abs(x)\n",
        4,
    ),
    // A loop with periodic neighbours: 3 entries in each row of either field, and one across.
    (
        "const N = 40\nstate u[i in 1..N] = 1 + sin(2*pi*i/N)\nstate v[i in 1..N] = 3\nparam d = 0.02\n\
         u[i]' = 1 + u[i]^2*v[i] - 4*u[i] + d*(u[wrap(i-1)] - 2*u[i] + u[wrap(i+1)]) for i in 1..N\n\
         v[i]' = 3*u[i] - u[i]^2*v[i] + d*(v[wrap(i-1)] - 2*v[i] + v[wrap(i+1)]) for i in 1..N\n",
        320,
    ),
    // A network: dense within its outputs.
    (
        "state x = 1\nstate y = 0.5\nstate z = 2\nnetwork n: mlp(inputs: 2, outputs: 1, hidden: [5])\n\
         x' = n(x, y)\ny' = -z\nz' = x*z\n",
        5,
    ),
];

#[test]
fn entries_are_those_of_forward_products() {
    for (text, entries) in MODELS {
        let (model, diagnostics) = slopefield_lang::check(text);
        assert!(model.is_complete, "{diagnostics:?}");
        let lowered = lower(&model, &BuiltinNetworks).expect("lowers");
        let plan = lower_jacobian(&model, &lowered).expect("lowers").expect("is small");
        let rhs = compile(&lowered.rhs).expect("compiles");
        let matrix = compile_matrix(&plan).expect("compiles");
        let interpreted = MatrixInterpreter::new(plan);
        let n = model.states.len();
        let p = lowered.layout.initial_values(&model, &lowered.networks, 3);
        let u: Vec<f64> = (0..n).map(|i| 0.4 + 0.7 * (i as f64 * 1.3).sin().abs()).collect();
        let pattern = matrix.pattern();
        assert_eq!(pattern.rows.len(), entries, "{text}");
        assert_eq!((pattern.height, pattern.width()), (n, n));
        let mut values = vec![f64::NAN; entries];
        let mut scratch = vec![0.0; matrix.scratch_len()];
        matrix.eval(0.3, &u, &p, &mut values, &mut scratch);
        let mut again = vec![f64::NAN; entries];
        let mut scratch = vec![0.0; interpreted.scratch_len()];
        interpreted.eval(0.3, &u, &p, &mut again, &mut scratch);

        let mut scratch = vec![0.0; rhs.scratch_len()];
        let (mut f, mut column) = (vec![0.0; n], vec![0.0; n]);
        let no_params = vec![0.0; p.len()];
        for j in 0..n {
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            let at = Point { t: 0.3, u: &u, p: &p };
            let along = Tangent { t: 0.0, u: &unit, p: &no_params };
            rhs.jvp(at, along, &mut f, &mut column, &mut scratch);
            let range = pattern.starts[j]..pattern.starts[j + 1];
            for (k, row) in range.clone().zip(&pattern.rows[range]) {
                let expected = std::mem::take(&mut column[*row as usize]);
                for found in [values[k], again[k]] {
                    let off = (found - expected).abs();
                    assert!(
                        off <= 1e-13 * expected.abs().max(1e-3),
                        "{text} ({row}, {j}): {off:e}"
                    );
                }
            }
            assert!(
                column.iter().all(|x| *x == 0.0),
                "{text}: column {j} has entries beyond its pattern"
            );
        }
    }
}
