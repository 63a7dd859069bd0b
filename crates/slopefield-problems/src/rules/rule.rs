//! What a rule does to complexes, and in how many ways it is the same.

use super::complex::{Complex, FREE};

/// What is known of the bond of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// There is none.
    Free,
    /// There is one.
    Some,
    /// Nothing.
    Any,
    /// It is the one of this number.
    To(u8),
}

/// A site that a pattern names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PatternSite {
    /// The first site of its name.
    pub first: usize,
    /// Any state where there is none.
    pub state: Option<u8>,
    pub bond: Bond,
    /// What the rule makes of it.
    pub state_after: Option<u8>,
    pub bond_after: Bond,
}

/// A molecule of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PatternMolecule {
    pub kind: usize,
    pub sites: Vec<PatternSite>,
}

/// Patterns of one or two complexes with changes of their sites.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub molecules: Vec<PatternMolecule>,
    /// The complex that each molecule belongs to before.
    pub groups: Vec<usize>,
    /// The same after.
    pub groups_after: Vec<usize>,
    /// Place of the rate constant.
    pub rate: usize,
}

impl Rule {
    /// A rule without a rate. A message where its bonds do not fit.
    pub fn new(molecules: Vec<PatternMolecule>, groups: Vec<usize>) -> Result<Rule, String> {
        let mut rule = Rule { groups_after: groups.clone(), molecules, groups, rate: 0 };
        for after in [false, true] {
            let ends = rule.ends(after);
            if ends.iter().any(|end| end.len() != 2 && !end.is_empty()) {
                return Err("a bond has two ends".into());
            }
        }
        if rule.groups.last().is_some_and(|last| *last > 1) {
            return Err("no more than two complexes meet".into());
        }
        rule.groups_after = rule.parted();
        Ok(rule)
    }

    /// The same rule backwards, without a rate.
    pub fn reversed(&self) -> Rule {
        let mut back = self.clone();
        for site in back.molecules.iter_mut().flat_map(|molecule| &mut molecule.sites) {
            std::mem::swap(&mut site.state, &mut site.state_after);
            std::mem::swap(&mut site.bond, &mut site.bond_after);
        }
        std::mem::swap(&mut back.groups, &mut back.groups_after);
        back
    }

    /// The molecules at the ends of each numbered bond.
    fn ends(&self, after: bool) -> Vec<Vec<usize>> {
        let mut ends = vec![Vec::new(); 256];
        for (m, molecule) in self.molecules.iter().enumerate() {
            for site in &molecule.sites {
                if let Bond::To(label) = if after { site.bond_after } else { site.bond } {
                    ends[usize::from(label)].push(m);
                }
            }
        }
        ends
    }

    /// The complex of each molecule afterwards: what a broken bond leaves is joined by the bonds
    /// that the pattern names; otherwise complexes stay, and new bonds join them.
    fn parted(&self) -> Vec<usize> {
        let mut sites = self.molecules.iter().flat_map(|molecule| &molecule.sites);
        let breaks = sites.any(|s| matches!((s.bond, s.bond_after), (Bond::To(_), Bond::Free)));
        let mut group: Vec<usize> =
            if breaks { (0..self.molecules.len()).collect() } else { self.groups.clone() };
        for end in self.ends(true) {
            if let [a, b] = end[..] {
                let (from, to) = (group[a].max(group[b]), group[a].min(group[b]));
                group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
            }
        }
        // Numbered from 0 on in the order of the molecules.
        let mut names: Vec<usize> = Vec::new();
        group
            .into_iter()
            .map(|g| {
                names.iter().position(|name| *name == g).unwrap_or_else(|| {
                    names.push(g);
                    names.len() - 1
                })
            })
            .collect()
    }

    /// Number of complexes that meet.
    pub fn reactants(&self) -> usize {
        self.groups.iter().max().map_or(0, |last| last + 1)
    }

    /// The molecules of the pattern of one of them.
    pub fn pattern(&self, reactant: usize) -> Vec<&PatternMolecule> {
        let chosen = self.groups.iter().zip(&self.molecules).filter(|(g, _)| **g == reactant);
        chosen.map(|(_, molecule)| molecule).collect()
    }

    /// What the rule makes of complexes in which its patterns lie as [`super::embed::embeddings`]
    /// gives it; `None` where they do not fall apart as the rule says.
    pub fn apply(&self, reactants: &[(&Complex, &[u16])]) -> Option<Vec<Complex>> {
        let mut complex = Complex::default();
        let mut places: Vec<std::vec::IntoIter<u16>> = Vec::new();
        for (reactant, embedding) in reactants {
            let (_, raised) = complex.append(reactant);
            let own: Vec<u16> = embedding.iter().map(|site| site + raised as u16).collect();
            places.push(own.into_iter());
        }
        let mut made: Vec<(u8, usize)> = Vec::new();
        for (molecule, group) in self.molecules.iter().zip(&self.groups) {
            for site in &molecule.sites {
                let at = usize::from(places[*group].next()?);
                if let Some(state) = site.state_after {
                    complex.sites[at].state = state;
                }
                if site.bond != site.bond_after {
                    complex.sites[at].partner = FREE;
                    if let Bond::To(label) = site.bond_after {
                        made.push((label, at));
                    }
                }
            }
        }
        made.sort_unstable();
        for pair in made.chunks_exact(2) {
            complex.join(pair[0].1, pair[1].1);
        }
        let parts = complex.parts();
        let wanted = self.groups_after.iter().max().map_or(0, |last| last + 1);
        (parts.len() == wanted).then_some(parts)
    }

    /// In how many ways the rule is mapped onto itself. Each event is found that many times.
    pub fn symmetry(&self) -> usize {
        let n = self.molecules.len();
        let mut search = Symmetry {
            rule: self,
            images: vec![None; n],
            groups: vec![None; n],
            bonds: [vec![None; 256], vec![None; 256]],
        };
        search.molecules(0)
    }
}

/// A map of a rule onto itself in the making.
struct Symmetry<'a> {
    rule: &'a Rule,
    /// Image of each molecule, of each complex, and of the bonds before and after.
    images: Vec<Option<usize>>,
    groups: Vec<Option<usize>>,
    bonds: [Vec<Option<u8>>; 2],
}

impl Symmetry<'_> {
    fn molecules(&mut self, from: usize) -> usize {
        let rule = self.rule;
        let Some(molecule) = rule.molecules.get(from) else { return 1 };
        let mut count = 0;
        for (to, image) in rule.molecules.iter().enumerate() {
            let (group, group_to) = (rule.groups[from], rule.groups[to]);
            let fits = molecule.kind == image.kind
                && molecule.sites.len() == image.sites.len()
                && !self.images.contains(&Some(to))
                && match self.groups[group] {
                    Some(known) => known == group_to,
                    None => !self.groups.contains(&Some(group_to)),
                };
            if !fits {
                continue;
            }
            let before = self.groups[group].replace(group_to);
            self.images[from] = Some(to);
            let mut taken = vec![false; image.sites.len()];
            count += self.sites(from, 0, to, &mut taken);
            self.images[from] = None;
            self.groups[group] = before;
        }
        count
    }

    fn sites(&mut self, from: usize, i: usize, to: usize, taken: &mut [bool]) -> usize {
        let rule = self.rule;
        let Some(site) = rule.molecules[from].sites.get(i) else { return self.molecules(from + 1) };
        let mut count = 0;
        for (j, image) in rule.molecules[to].sites.iter().enumerate() {
            let same = site.first == image.first
                && (site.state, site.state_after) == (image.state, image.state_after);
            if taken[j] || !same {
                continue;
            }
            let kept = self.bonds.clone();
            if self.bond(0, site.bond, image.bond)
                && self.bond(1, site.bond_after, image.bond_after)
            {
                taken[j] = true;
                count += self.sites(from, i + 1, to, taken);
                taken[j] = false;
            }
            self.bonds = kept;
        }
        count
    }

    /// Whether a bond may become another, which is noted.
    fn bond(&mut self, when: usize, from: Bond, to: Bond) -> bool {
        let (Bond::To(a), Bond::To(b)) = (from, to) else { return from == to };
        let known = &mut self.bonds[when];
        match known[usize::from(a)] {
            Some(image) => image == b,
            None if known.contains(&Some(b)) => false,
            None => {
                known[usize::from(a)] = Some(b);
                true
            }
        }
    }
}
