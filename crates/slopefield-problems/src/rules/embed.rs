//! Where patterns lie in complexes.

use super::complex::{Complex, FREE};
use super::notation::Kind;
use super::rule::{Bond, PatternMolecule};

/// All ways in which a pattern lies in a complex: for each the sites that the pattern names, in its
/// order. Ways that differ in molecules without a named site count each.
pub(super) fn embeddings(
    pattern: &[&PatternMolecule],
    complex: &Complex,
    kinds: &[Kind],
) -> Vec<Vec<u16>> {
    let mut search = Search {
        pattern,
        complex,
        kinds,
        used: vec![false; complex.molecules.len()],
        ends: [None; 256],
        sites: Vec::new(),
        found: Vec::new(),
    };
    search.molecule(0);
    search.found
}

struct Search<'a> {
    pattern: &'a [&'a PatternMolecule],
    complex: &'a Complex,
    kinds: &'a [Kind],
    used: Vec<bool>,
    /// The first end of each numbered bond.
    ends: [Option<u16>; 256],
    sites: Vec<u16>,
    found: Vec<Vec<u16>>,
}

impl Search<'_> {
    fn molecule(&mut self, i: usize) {
        let Some(wanted) = self.pattern.get(i) else {
            self.found.push(self.sites.clone());
            return;
        };
        for m in 0..self.complex.molecules.len() {
            if !self.used[m] && usize::from(self.complex.molecules[m].0) == wanted.kind {
                self.used[m] = true;
                self.site(i, 0, m);
                self.used[m] = false;
            }
        }
    }

    fn site(&mut self, i: usize, k: usize, molecule: usize) {
        let wanted = self.pattern[i];
        let Some(site) = wanted.sites.get(k) else { return self.molecule(i + 1) };
        let start = self.complex.molecules[molecule].1;
        for place in self.kinds[wanted.kind].alike(site.first) {
            let at = start + place as u16;
            let found = self.complex.sites[usize::from(at)];
            let state = site.state.is_none_or(|state| state == found.state);
            // Those of this molecule are the last.
            let own = self.sites.len() - k;
            if !state || self.sites[own..].contains(&at) {
                continue;
            }
            let (fits, first_end) = match site.bond {
                Bond::Any => (true, None),
                Bond::Free => (found.partner == FREE, None),
                Bond::Some => (found.partner != FREE, None),
                Bond::To(label) => match self.ends[usize::from(label)] {
                    Some(end) => (found.partner == end, None),
                    None => (found.partner != FREE, Some(usize::from(label))),
                },
            };
            if !fits {
                continue;
            }
            if let Some(label) = first_end {
                self.ends[label] = Some(at);
            }
            self.sites.push(at);
            self.site(i, k + 1, molecule);
            self.sites.pop();
            if let Some(label) = first_end {
                self.ends[label] = None;
            }
        }
    }
}
