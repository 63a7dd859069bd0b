//! Model texts of the cases.

/// Lotka–Volterra, parameters in the order `(α, β, γ, δ)`.
pub(crate) const LOTKA_VOLTERRA: &str =
    include_str!("../../../../benches/core/lotka_volterra.slope");
/// 30 species, 40 reactions, 10 Hill productions.
pub(crate) const KINETICS: &str = include_str!("../../../../benches/core/kinetics30.slope");
/// Network 2–50–2.
pub(crate) const SMALL_NETWORK: &str = include_str!("../../../../benches/core/mlp_2_50_2.slope");
/// Network 16–128–128–16.
pub(crate) const LARGE_NETWORK: &str =
    include_str!("../../../../benches/core/mlp_16_128_128_16.slope");

/// Brusselator on a torus of 32 × 32 points, two species.
pub(crate) const BRUSSELATOR: &str = include_str!("../../../../tests/models/brusselator_2d.slope");

/// The neural differential equation on cubed states, 2–50–2.
pub(crate) const SPIRAL: &str = "\
state x = 2
state y = 0
network n: mlp(inputs: 2, outputs: 2, hidden: [50], activation: tanh)
let z = n(x^3, y^3)
x' = z[1]
y' = z[2]
";

/// A network from `states` states to their derivatives.
pub(crate) fn network(states: usize, hidden: usize) -> String {
    let names: Vec<String> = (1..=states).map(|i| format!("x{i}")).collect();
    let mut text: String = names.iter().map(|name| format!("state {name} = 0\n")).collect();
    text += &format!(
        "network n: mlp(inputs: {states}, outputs: {states}, hidden: [{hidden}], activation: tanh)\n\
         let z = n({})\n",
        names.join(", ")
    );
    let equation = |(i, name): (usize, &String)| format!("{name}' = z[{}]\n", i + 1);
    text.extend(names.iter().enumerate().map(equation));
    text
}

/// A chain of 100 species with Michaelis–Menten steps and degradation, 200 parameters, in which a
/// network with two hidden layers of 64 units stands for four unknown terms.
pub(crate) fn hundred_states() -> String {
    let mut text = String::from(
        "network n: mlp(inputs: 4, outputs: 4, hidden: [64, 64], activation: tanh)\n\
         let z = n(c1, c2, c3, c4)\n",
    );
    for i in 1..=100 {
        text += &format!("state c{i} = 1\nparam v{i} = 1\nparam k{i} = 0.5\n");
    }
    text += "let r0 = 0.1\n";
    for i in 1..=100 {
        text += &format!("let r{i} = v{i}*c{i}/(k{i} + c{i})*exp(-0.1*c{i})\n");
    }
    for i in 1..=100 {
        let unknown = if i <= 4 { format!(" + z[{i}]") } else { String::new() };
        text += &format!("c{i}' = r{} - r{i} - 0.05*c{i}{unknown}\n", i - 1);
    }
    text
}
