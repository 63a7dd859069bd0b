//! A network as a text of the model language.

use super::Network;
use std::fmt::Write as _;

impl Network {
    /// The model's text: species are called `s1`, `s2` and so on, and told in comments.
    #[must_use]
    pub fn text(&self, title: &str) -> String {
        let mut text = format!("model \"{title}\"\n\n");
        for (name, value) in &self.params {
            let _ = writeln!(text, "param {name} = {value:?}");
        }
        text.push('\n');
        for (i, (species, amount)) in self.species.iter().zip(&self.start).enumerate() {
            let _ = writeln!(text, "state s{} = {amount:?} # {species}", i + 1);
        }
        text.push('\n');
        let side = |species: &[u32]| -> String {
            let names: Vec<String> = match species {
                [a, b] if a == b => vec![format!("2 s{}", a + 1)],
                other => other.iter().map(|i| format!("s{}", i + 1)).collect(),
            };
            names.join(" + ")
        };
        for (r, reaction) in self.reactions.iter().enumerate() {
            let rate = &self.rates[reaction.rate as usize];
            let factor = reaction.factor * rate.factor;
            let factor = (factor != 1.0).then(|| format!("{factor:?}"));
            let params = rate.params.iter().map(|j| self.params[*j as usize].0.clone());
            let species = reaction.reactants.iter().map(|i| format!("s{}", i + 1));
            let rate: Vec<String> = factor.into_iter().chain(params).chain(species).collect();
            let (used, made) = (side(&reaction.reactants), side(&reaction.products));
            let _ = writeln!(text, "reaction r{}: {used} -> {made} rate {}", r + 1, rate.join("*"));
        }
        text
    }
}
