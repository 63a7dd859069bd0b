//! From rules to species and reactions.

use super::complex::Complex;
use super::embed::embeddings;
use super::notation::{RuleSet, parse};
use super::rule::Rule;
use super::{Rate, RuleError};
use std::collections::HashMap;

/// A network of reactions with rates by mass action.
#[derive(Debug, Clone)]
pub struct Network {
    /// Name and value of each parameter.
    pub params: Vec<(String, f64)>,
    /// Each species in the notation of rules.
    pub species: Vec<String>,
    /// Their amounts at the start.
    pub start: Vec<f64>,
    /// The rate constants.
    pub rates: Vec<Rate>,
    /// The reactions.
    pub reactions: Vec<Reaction>,
    /// Sums of species that the rules name: weight and species.
    pub counts: Vec<(String, Vec<(f64, u32)>)>,
}

/// A reaction; its rate is `factor` times a rate constant times the amounts of the reactants.
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// In how many ways it happens.
    pub factor: f64,
    /// Place of the rate constant.
    pub rate: u32,
    /// Species that meet, one or two, ascending.
    pub reactants: Vec<u32>,
    /// Species that come out of it, ascending.
    pub products: Vec<u32>,
}

impl Reaction {
    /// What it changes: species and by how much, without what comes out as it went in.
    #[must_use]
    pub fn changes(&self) -> Vec<(u32, f64)> {
        let mut changes: Vec<(u32, f64)> = Vec::new();
        let used = self.reactants.iter().map(|i| (*i, -1.0));
        for (i, by) in used.chain(self.products.iter().map(|i| (*i, 1.0))) {
            match changes.iter_mut().find(|(j, _)| *j == i) {
                Some((_, sum)) => *sum += by,
                None => changes.push((i, by)),
            }
        }
        changes.retain(|(_, by)| *by != 0.0);
        changes
    }
}

/// More species than that are taken for a network without an end.
const MOST_SPECIES: usize = 50_000;

/// Where a pattern of a rule lies: species and sites.
type Place = (u32, Vec<u16>);

struct Expansion<'a> {
    set: &'a RuleSet,
    complexes: Vec<Complex>,
    known: HashMap<Vec<u16>, u32>,
    reactions: Vec<Reaction>,
    /// Place of a reaction by its rule, its reactants and products.
    places: HashMap<(usize, Vec<u32>, Vec<u32>), usize>,
}

impl Network {
    /// Expands rules, written as this module's notation says.
    ///
    /// # Errors
    /// [`RuleError`] with the line that is wrong, or when there is no end to the species.
    pub fn of_rules(text: &str) -> Result<Network, RuleError> {
        expand_to(text, MOST_SPECIES)
    }

    /// The reactions as numbers: for each its rate constant with these parameters, two reactants (−1
    /// where there is but one), how many species it changes, and these with the changes.
    #[must_use]
    pub fn encoded(&self, p: &[f64]) -> Vec<f64> {
        let encode = |reaction: &Reaction| {
            let rate = &self.rates[reaction.rate as usize];
            let params = rate.params.iter().map(|j| p[*j as usize]).product::<f64>();
            let reactant = |k: usize| reaction.reactants.get(k).map_or(-1.0, |i| f64::from(*i));
            let changes = reaction.changes();
            let constant = reaction.factor * rate.factor * params;
            let head = [constant, reactant(0), reactant(1), changes.len() as f64];
            let changes = changes.into_iter().flat_map(|(i, by)| [f64::from(i), by]);
            head.into_iter().chain(changes).collect::<Vec<_>>()
        };
        self.reactions.iter().flat_map(encode).collect()
    }

    /// The number of a species, by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.species.iter().position(|species| species == name)
    }
}

/// The network of rules that give no more than `most` species.
pub(super) fn expand_to(text: &str, most: usize) -> Result<Network, RuleError> {
    let set = parse(text)?;
    let mut expansion = Expansion {
        set: &set,
        complexes: Vec::new(),
        known: HashMap::new(),
        reactions: Vec::new(),
        places: HashMap::new(),
    };
    for (complex, _) in &set.starts {
        expansion.species(complex);
    }
    expansion.run(most)?;
    let Expansion { complexes, reactions, .. } = expansion;
    let counts = set.counts.iter().map(|(name, patterns)| {
        let terms = complexes.iter().enumerate().map(|(i, complex)| {
            let ways = |rule: &Rule| embeddings(&rule.pattern(0), complex, &set.kinds).len();
            (patterns.iter().map(ways).sum::<usize>() as f64, i as u32)
        });
        (name.clone(), terms.filter(|(weight, _)| *weight > 0.0).collect())
    });
    let counts = counts.collect();
    let mut start = vec![0.0; complexes.len()];
    start.iter_mut().zip(&set.starts).for_each(|(amount, (_, given))| *amount = *given);
    Ok(Network {
        species: complexes.iter().map(|complex| complex.name(&set.kinds)).collect(),
        start,
        reactions,
        counts,
        params: set.params,
        rates: set.rates,
    })
}

impl Expansion<'_> {
    fn species(&mut self, complex: &Complex) -> u32 {
        let (code, complex) = complex.canonical(&self.set.kinds);
        let next = self.complexes.len() as u32;
        *self.known.entry(code).or_insert_with(|| {
            self.complexes.push(complex);
            next
        })
    }

    /// Takes one species after the other and lets it meet itself and those before.
    fn run(&mut self, most: usize) -> Result<(), RuleError> {
        let set = self.set;
        let patterns: Vec<Vec<_>> = set
            .rules
            .iter()
            .map(|rule| (0..rule.reactants()).map(|k| rule.pattern(k)).collect())
            .collect();
        let weights: Vec<f64> = set.rules.iter().map(|rule| 1.0 / rule.symmetry() as f64).collect();
        let mut met: Vec<[Vec<Place>; 2]> = vec![Default::default(); set.rules.len()];
        let mut next = 0;
        while next < self.complexes.len() {
            if self.complexes.len() > most {
                let message = format!("more than {most} species, and no end");
                return Err(RuleError { line: 0, message });
            }
            for (r, met) in met.iter_mut().enumerate() {
                let before: Vec<usize> = met.iter().map(Vec::len).collect();
                for (k, pattern) in patterns[r].iter().enumerate() {
                    let found = embeddings(pattern, &self.complexes[next], &set.kinds);
                    met[k].extend(found.into_iter().map(|sites| (next as u32, sites)));
                }
                let [first, second] = &*met;
                if patterns[r].len() == 1 {
                    for place in &first[before[0]..] {
                        self.event(r, weights[r], &[place]);
                    }
                    continue;
                }
                for (i, one) in first.iter().enumerate() {
                    let from = if i < before[0] { before[1] } else { 0 };
                    for other in &second[from..] {
                        self.event(r, weights[r], &[one, other]);
                    }
                }
            }
            next += 1;
        }
        Ok(())
    }

    fn event(&mut self, rule: usize, weight: f64, places: &[&Place]) {
        let reactants: Vec<(&Complex, &[u16])> =
            places.iter().map(|(i, sites)| (&self.complexes[*i as usize], &sites[..])).collect();
        let Some(parts) = self.set.rules[rule].apply(&reactants) else { return };
        let mut reactants: Vec<u32> = places.iter().map(|(i, _)| *i).collect();
        let mut products: Vec<u32> = parts.iter().map(|part| self.species(part)).collect();
        reactants.sort_unstable();
        products.sort_unstable();
        if reactants == products {
            return;
        }
        let place = self.places.entry((rule, reactants, products));
        let reactions = &mut self.reactions;
        let place = match place {
            std::collections::hash_map::Entry::Occupied(known) => *known.get(),
            std::collections::hash_map::Entry::Vacant(empty) => {
                let (_, reactants, products) = empty.key().clone();
                let rate = self.set.rules[rule].rate as u32;
                reactions.push(Reaction { factor: 0.0, rate, reactants, products });
                *empty.insert(reactions.len() - 1)
            }
        };
        reactions[place].factor += weight;
    }
}
