//! Complexes of molecules, and a form of each that no order of its parts changes.

use super::notation::Kind;
use std::fmt::Write as _;

/// The partner of a free site.
pub(super) const FREE: u16 = u16::MAX;

/// Molecules joined by bonds between their sites.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Complex {
    /// Kind and first site of each.
    pub molecules: Vec<(u16, u16)>,
    pub sites: Vec<Site>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Site {
    pub state: u8,
    /// The site it is bound to, or [`FREE`].
    pub partner: u16,
    /// The molecule it belongs to.
    pub molecule: u16,
}

impl Complex {
    /// Adds a molecule with free sites in their first states; its first site.
    pub fn add(&mut self, kind: usize, sites: usize) -> usize {
        let (start, molecule) = (self.sites.len(), self.molecules.len() as u16);
        self.molecules.push((kind as u16, start as u16));
        self.sites.resize(start + sites, Site { state: 0, partner: FREE, molecule });
        start
    }

    /// Adds the molecules of another complex; numbers of molecules and sites that theirs are to be
    /// raised by.
    pub fn append(&mut self, other: &Complex) -> (usize, usize) {
        let (molecules, sites) = (self.molecules.len(), self.sites.len());
        self.molecules.extend(other.molecules.iter().map(|(k, s)| (*k, s + sites as u16)));
        self.sites.extend(other.sites.iter().map(|site| Site {
            partner: if site.partner == FREE { FREE } else { site.partner + sites as u16 },
            molecule: site.molecule + molecules as u16,
            ..*site
        }));
        (molecules, sites)
    }

    /// Binds two free sites.
    pub fn join(&mut self, a: usize, b: usize) {
        (self.sites[a].partner, self.sites[b].partner) = (b as u16, a as u16);
    }

    /// The sites of a molecule.
    pub fn sites_of(&self, molecule: usize) -> std::ops::Range<usize> {
        let end = self.molecules.get(molecule + 1).map_or(self.sites.len(), |next| next.1 as usize);
        self.molecules[molecule].1 as usize..end
    }

    /// Connected parts.
    pub fn parts(&self) -> Vec<Complex> {
        let mut taken = vec![false; self.molecules.len()];
        let mut parts = Vec::new();
        for root in 0..self.molecules.len() {
            if taken[root] {
                continue;
            }
            taken[root] = true;
            let mut order = vec![root];
            let mut next = 0;
            while next < order.len() {
                for site in self.sites_of(order[next]) {
                    let partner = self.sites[site].partner;
                    if partner != FREE {
                        let molecule = self.sites[partner as usize].molecule as usize;
                        if !std::mem::replace(&mut taken[molecule], true) {
                            order.push(molecule);
                        }
                    }
                }
                next += 1;
            }
            let sites: Vec<usize> = order.iter().flat_map(|m| self.sites_of(*m)).collect();
            parts.push(self.arranged(&order, &sites));
        }
        parts
    }

    /// The same with these molecules and, among them, these sites in this order.
    fn arranged(&self, molecules: &[usize], sites: &[usize]) -> Complex {
        let mut place = vec![FREE; self.sites.len() + 1];
        sites.iter().enumerate().for_each(|(new, old)| place[*old] = new as u16);
        let mut result = Complex::default();
        for &old in molecules {
            result.add(self.molecules[old].0 as usize, self.sites_of(old).len());
        }
        for (site, &old) in result.sites.iter_mut().zip(sites) {
            let Site { state, partner, .. } = self.sites[old];
            site.state = state;
            site.partner = if partner == FREE { FREE } else { place[partner as usize] };
        }
        result
    }

    /// A code that only equal complexes have, and the complex in the order of that code: the
    /// smallest code of all walks from a molecule of the rarest kind along bonds, for all orders of
    /// sites that are alike.
    pub fn canonical(&self, kinds: &[Kind]) -> (Vec<u16>, Complex) {
        let orders: Vec<Vec<Vec<u16>>> =
            (0..self.molecules.len()).map(|m| self.site_orders(m, kinds)).collect();
        let count = |kind: u16| self.molecules.iter().filter(|m| m.0 == kind).count();
        let rarest = self.molecules.iter().map(|m| (count(m.0), m.0)).min();
        let roots = (0..self.molecules.len())
            .filter(|m| rarest.is_some_and(|(_, kind)| self.molecules[*m].0 == kind));
        let mut best: Option<Walk> = None;
        for root in roots {
            let mut chosen = vec![0; orders.len()];
            loop {
                let walk = self.walk(root, &orders, &chosen);
                if best.as_ref().is_none_or(|best| walk.code < best.code) {
                    best = Some(walk);
                }
                let Some(turn) = (0..chosen.len()).find(|m| chosen[*m] + 1 < orders[*m].len())
                else {
                    break;
                };
                chosen[turn] += 1;
                chosen[..turn].fill(0);
            }
        }
        let best = best.unwrap_or_default();
        let arranged = self.arranged(&best.molecules, &best.sites);
        (best.code, arranged)
    }

    /// The orders in which the sites of a molecule may be visited: sites that are alike by what can
    /// be seen of them, and in every order where that is the same.
    fn site_orders(&self, molecule: usize, kinds: &[Kind]) -> Vec<Vec<u16>> {
        let (kind, start) = self.molecules[molecule];
        let kind = &kinds[kind as usize];
        let mut orders = vec![Vec::with_capacity(kind.sites.len())];
        let mut first = 0;
        while first < kind.sites.len() {
            let alike = kind.alike(first);
            first = alike.end;
            let mut sites: Vec<u16> = alike.map(|i| start + i as u16).collect();
            let seen = |site: &u16| {
                let Site { state, partner, .. } = self.sites[*site as usize];
                let with = self.sites.get(partner as usize).map(|other| {
                    let (kind, start) = self.molecules[other.molecule as usize];
                    (kind, kinds[kind as usize].sites[(partner - start) as usize].first)
                });
                (state, with)
            };
            sites.sort_by_key(seen);
            for run in sites.chunk_by(|a, b| seen(a) == seen(b)) {
                let free = self.sites[run[0] as usize].partner == FREE;
                let ways = if free { vec![run.to_vec()] } else { permutations(run) };
                orders = orders
                    .iter()
                    .flat_map(|order| ways.iter().map(|way| [&order[..], way].concat()))
                    .collect();
            }
        }
        orders
    }

    fn walk(&self, root: usize, orders: &[Vec<Vec<u16>>], chosen: &[usize]) -> Walk {
        let mut walk = Walk::default();
        let mut met = vec![false; self.molecules.len()];
        let mut labels = vec![0_u16; self.sites.len()];
        let mut label = 0;
        met[root] = true;
        walk.molecules.push(root);
        let mut next = 0;
        while next < walk.molecules.len() {
            let molecule = walk.molecules[next];
            next += 1;
            walk.code.push(self.molecules[molecule].0);
            for &site in &orders[molecule][chosen[molecule]] {
                let Site { state, partner, .. } = self.sites[site as usize];
                walk.sites.push(site as usize);
                if partner != FREE && labels[site as usize] == 0 {
                    label += 1;
                    labels[site as usize] = label;
                    labels[partner as usize] = label;
                    let other = self.sites[partner as usize].molecule as usize;
                    if !std::mem::replace(&mut met[other], true) {
                        walk.molecules.push(other);
                    }
                }
                walk.code.extend([u16::from(state), labels[site as usize]]);
            }
        }
        walk
    }

    /// In the notation of rules.
    pub fn name(&self, kinds: &[Kind]) -> String {
        let (mut name, mut labels, mut last) = (String::new(), vec![0; self.sites.len()], 0);
        for (m, (kind, start)) in self.molecules.iter().enumerate() {
            let kind = &kinds[*kind as usize];
            let _ = write!(name, "{}{}(", if m == 0 { "" } else { "." }, kind.name);
            for (i, site) in kind.sites.iter().enumerate() {
                let at = *start as usize + i;
                let Site { state, partner, .. } = self.sites[at];
                let _ = write!(name, "{}{}", if i == 0 { "" } else { "," }, site.name);
                if let Some(state) = site.states.get(state as usize) {
                    let _ = write!(name, "~{state}");
                }
                if partner != FREE {
                    if labels[at] == 0 {
                        last += 1;
                        (labels[at], labels[partner as usize]) = (last, last);
                    }
                    let _ = write!(name, "!{}", labels[at]);
                }
            }
            name.push(')');
        }
        name
    }
}

#[derive(Default)]
struct Walk {
    code: Vec<u16>,
    molecules: Vec<usize>,
    sites: Vec<usize>,
}

/// All orders of a few items.
fn permutations(items: &[u16]) -> Vec<Vec<u16>> {
    if items.len() < 2 {
        return vec![items.to_vec()];
    }
    let mut all = Vec::new();
    for (i, first) in items.iter().enumerate() {
        let rest = [&items[..i], &items[i + 1..]].concat();
        all.extend(permutations(&rest).into_iter().map(|rest| [&[*first], &rest[..]].concat()));
    }
    all
}
