//! The kind of a system and the sentence that says so.

use slopefield_lang::{DelayStructure, NoiseStructure, StateId, check};

#[track_caller]
fn class(text: &str, kind: &str, sentence: &str) {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    assert_eq!(model.class.kind, kind);
    assert_eq!(model.class.sentence, sentence);
    assert_eq!(model.class.hybrid, !model.events.is_empty());
}

#[test]
fn sentences() {
    class(
        "state x = 1, y = 1\nparam a = 1, b = 2, c = 1, d = 1\n\
         x' = -a*delay(x, b) + c*delay(y, 2)\ny' = d*delay(x, 2)\n",
        "dde",
        "delay differential equations with 2 constant lags, 2 states, 4 free parameters",
    );
    class(
        "state x = 1, y = 1\nparam s = 1\nnoise W\nnoise V\nx' = x + s*x*W'\ny' = y*V'\n",
        "sde",
        "stochastic differential equations (Itô, diagonal noise, 2 sources), 2 states, one free parameter",
    );
    class(
        "state x = 1\nalgebraic y = 1\nx' = -y\n0 = x - y\nwhen x crosses 0.5: x = 2\nat 3: x += 1\n",
        "dae",
        "differential-algebraic equations (index 1), 2 states, no free parameters, with 2 events",
    );
    class(
        "state S = 99, I = 1, R = 0\nparam k = 1, g = 2\n\
         jump rate k*S*I: S -= 1, I += 1\njump rate g*I: I -= 1, R += 1\njump rate R: R -= 1, S += 1\n",
        "jump",
        "jump process with 3 jumps, 3 states, 2 free parameters",
    );
    class(
        "state x = 1\nnoise W stratonovich\nx' = -delay(x, 1 + x^2) + W'\njump rate 1: x += 1\n",
        "dde+sde+jump",
        "stochastic delay differential equation (Stratonovich, additive noise, one source) with one \
         state-dependent lag and one jump, one state, no free parameters",
    );
    class(
        "state x = 1\nx' = -x + 0.5*delay(x', 1)\n",
        "dde",
        "neutral delay differential equation with one constant lag, one state, no free parameters",
    );
    class(
        "state q = 1, p = 0\nhamiltonian H(q, p) = p^2/2 + q^2/2\n",
        "ode",
        "Hamiltonian equations (separable), 2 states, no free parameters",
    );
    class(
        "state a = 1, b = 1\na' + b' = 1\na' - b' = a\n",
        "ode",
        "ordinary differential equations with a mass matrix, 2 states, no free parameters",
    );
    class(
        "state a = 1, b = 1\nparam C = 1e-6\nC*(a' - b') = a\nC*(b' - a') = b\n",
        "dae",
        "differential-algebraic equations with a singular mass matrix, 2 states, one free parameter",
    );
    class(
        "state A = 1, B = 0\nreaction r: A <-> B rate A, B\n",
        "ode",
        "ordinary differential equations, 2 states, no free parameters, 2 reactions",
    );
    class(
        "state x = 1\nx' = -x\njump rate x: x += 1\n",
        "ode+jump",
        "ordinary differential equation with one jump, one state, no free parameters",
    );
}

#[track_caller]
fn noise(text: &str, expected: NoiseStructure) {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    assert_eq!(model.class.noise, Some(expected), "{text}");
}

#[test]
fn structures_of_noise() {
    use NoiseStructure::{Additive, Commutative, Diagonal, General};
    noise("state x = 1\nnoise W\nx' = -x + exp(-t)*W'\n", Additive);
    noise("state x = 1, y = 1\nnoise W\nnoise V\nx' = W' + 2*V'\ny' = x + V'\n", Additive);
    noise("state x = 1, y = 1\nnoise W\nnoise V\nx' = x*V'\ny' = y^2*W'\n", Diagonal);
    noise("state x = 1, y = 1\nnoise W\nx' = x\ny' = sin(y)*W'\n", Diagonal);
    // One source for two states: it commutes with itself.
    noise("state x = 1, y = 1\nnoise W\nx' = y*W'\ny' = x*W'\n", Commutative);
    // Linear noise of commuting matrices: the identity and a rotation.
    noise(
        "state x = 1, y = 1\nnoise W\nnoise V\nx' = x*W' - y*V'\ny' = y*W' + x*V'\n",
        Commutative,
    );
    // Of matrices that do not commute.
    noise("state x = 1, y = 1\nnoise W\nnoise V\nx' = x*W' + y*V'\ny' = -y*W' + x*V'\n", General);
    noise("state x = 1, y = 1\nnoise W\nnoise V\nx' = W'\ny' = x*V'\n", General);
    // A stochastic volatility model (Heston): the sources are correlated.
    noise(
        "state S = 1, v = 0.1\nnoise W\nnoise V correlated(W, -0.5)\n\
         S' = sqrt(v)*S*W'\nv' = 0.1 - v + 0.2*sqrt(v)*V'\n",
        General,
    );
    noise("const N = 5\nstate u[i in 1..N] = i\nnoise W[N]\nu' = u*W'\n", Diagonal);
}

#[test]
fn structures_of_delays() {
    let delays = |text: &str| check(text).0.class.delays;
    let none = DelayStructure {
        constant: 0,
        varying: 0,
        state_dependent: 0,
        neutral: false,
        vanishing: false,
    };
    let model = "param a = 1 in [0.1, 2]\nlet use = a\nstate x = 1\n";
    assert_eq!(
        delays(&format!("{model}x' = delay(x, a) + delay(x, t/2)\n")),
        Some(DelayStructure { constant: 1, varying: 1, vanishing: true, ..none })
    );
    assert_eq!(
        delays(&format!("{model}x' = delay(x, a + x^2)\n")),
        Some(DelayStructure { state_dependent: 1, ..none })
    );
    assert_eq!(
        delays(&format!("{model}x' = delay(x', 1 - exp(-x))\n")),
        Some(DelayStructure { state_dependent: 1, neutral: true, vanishing: true, ..none })
    );
}

#[test]
fn pairs_of_second_order() {
    let pairs = |text: &str| check(text).0.pairs;
    assert_eq!(pairs("state x = 1, x' = 0, y = 0\nx'' = -x\ny' = 0\n"), [(StateId(0), StateId(1))]);
    assert_eq!(pairs("state x = 1, x' = 0, x'' = 0\nx''' = -x\n"), []);
    assert_eq!(
        pairs("state u[i in 1..2] = 1, u[i in 1..2]' = 0\nu[i]'' = -u[i] for i in 1..2\n"),
        [(StateId(0), StateId(2)), (StateId(1), StateId(3))]
    );
    assert_eq!(
        pairs("state q = 1, p = 0\nhamiltonian H(q, p) = 0.5*p^2 + q^2\n"),
        [(StateId(0), StateId(1))]
    );
}
