//! How rules are written, a statement a line:
//!
//! ```text
//! molecule A(p~U~P,l,l)        sites in order, with their states; sites of one name are alike
//! param k = 0.1
//! start A(p~U,l,l) = 100       a complex and its amount
//! rule A(p~U!0=1) + R(a!0=1) at k, kr
//! count bound = A(p!+), R(a!+)
//! ```
//!
//! In a pattern, a site that is not named may be anything, and so may the state of one without `~`.
//! After `!` stands the bond: the same number at both its ends, `+` for any, `?` for any or none; a
//! named site without `!` is free, as is `!0`. Molecules joined by `.` belong to one complex. A rule
//! is one such pattern for each of one or two complexes, with its changes written into it: `~U>P` and
//! `!0>1`. With `=` in place of `>` it goes back, too, at the second rate. A rate is a product of
//! numbers and parameters.

use super::complex::{Complex, FREE};
use super::rule::{Bond, PatternMolecule, PatternSite, Rule};
use std::fmt;

/// A kind of molecule.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub name: String,
    pub sites: Vec<SiteKind>,
}

/// A site of a kind.
#[derive(Debug, Clone)]
pub(super) struct SiteKind {
    pub name: String,
    /// The first site of this name.
    pub first: usize,
    pub states: Vec<String>,
}

impl Kind {
    /// The sites with the name of site `first`.
    pub fn alike(&self, first: usize) -> std::ops::Range<usize> {
        let count = self.sites[first..].iter().take_while(|site| site.first == first).count();
        first..first + count
    }
}

/// A rate constant: a number times parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// The number.
    pub factor: f64,
    /// Places of the parameters.
    pub params: Vec<u32>,
}

/// What a file of rules says.
#[derive(Debug, Default)]
pub(super) struct RuleSet {
    pub kinds: Vec<Kind>,
    pub params: Vec<(String, f64)>,
    pub starts: Vec<(Complex, f64)>,
    pub rules: Vec<Rule>,
    pub rates: Vec<Rate>,
    /// Each pattern is a rule that changes nothing.
    pub counts: Vec<(String, Vec<Rule>)>,
}

/// A line that is no statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// Number of the line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for RuleError {}

type Parsed<T> = Result<T, String>;

/// Reads a file of rules.
pub(super) fn parse(text: &str) -> Result<RuleSet, RuleError> {
    let mut set = RuleSet::default();
    for (i, line) in text.lines().enumerate() {
        let statement = line.split('#').next().unwrap_or_default().trim();
        if !statement.is_empty() {
            set.statement(statement).map_err(|message| RuleError { line: i + 1, message })?;
        }
    }
    Ok(set)
}

impl RuleSet {
    fn statement(&mut self, statement: &str) -> Parsed<()> {
        let (word, rest) = cut(statement, " ", "a word and what it says")?;
        match word {
            "molecule" => self.kinds.push(kind(rest)?),
            "param" => {
                let (name, value) = cut(rest, "=", "`param name = value`")?;
                self.params.push((name.into(), number(value)?));
            }
            "start" => {
                let (pattern, amount) = cut(rest, "=", "`start complex = amount`")?;
                let rule = self.patterns(pattern)?.0;
                self.starts.push((self.complex(&rule)?, number(amount)?));
            }
            "rule" => {
                let (patterns, rates) = cut(rest, " at ", "`rule patterns at rate`")?;
                let (rule, reversible) = self.patterns(patterns)?;
                let rates: Vec<&str> = rates.split(',').map(str::trim).collect();
                if rates.len() != 1 + usize::from(reversible) {
                    return Err(format!("{} rates where `=` or `>` ask for others", rates.len()));
                }
                let mut there = rule;
                there.rate = self.rate(rates[0])?;
                let back = reversible.then(|| there.reversed());
                self.rules.push(there);
                if let Some(mut back) = back {
                    back.rate = self.rate(rates[1])?;
                    self.rules.push(back);
                }
            }
            "count" => {
                let (name, patterns) = cut(rest, "=", "`count name = patterns`")?;
                // Commas stand between sites, too.
                let patterns = patterns.split("), ").map(|text| self.patterns(text));
                let patterns: Parsed<Vec<_>> = patterns.collect();
                let patterns = patterns?.into_iter().map(|(rule, _)| rule).collect();
                self.counts.push((name.into(), patterns));
            }
            other => return Err(format!("no statement begins with `{other}`")),
        }
        Ok(())
    }

    /// The place of a rate constant.
    fn rate(&mut self, text: &str) -> Parsed<usize> {
        let mut rate = Rate { factor: 1.0, params: Vec::new() };
        for word in text.split('*').map(str::trim) {
            match self.params.iter().position(|(name, _)| name == word) {
                Some(place) => rate.params.push(place as u32),
                None => rate.factor *= number(word)?,
            }
        }
        let known = self.rates.iter().position(|other| *other == rate);
        Ok(known.unwrap_or_else(|| {
            self.rates.push(rate);
            self.rates.len() - 1
        }))
    }

    /// Patterns with their changes, and whether they go back.
    fn patterns(&self, text: &str) -> Parsed<(Rule, bool)> {
        let (mut molecules, mut groups, mut reversible) = (Vec::new(), Vec::new(), false);
        for (group, pattern) in text.split(" + ").enumerate() {
            // A dot may not stand in a name, so every one separates molecules.
            for molecule in pattern.trim().split('.') {
                molecules.push(self.molecule(molecule, &mut reversible)?);
                groups.push(group);
            }
        }
        Ok((Rule::new(molecules, groups)?, reversible))
    }

    fn molecule(&self, text: &str, reversible: &mut bool) -> Parsed<PatternMolecule> {
        let (name, sites) = cut(text, "(", "`name(sites)`")?;
        let sites = sites.trim_end_matches(')');
        let kind = self.kinds.iter().position(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| format!("there is no molecule `{name}`"))?;
        let sites: Parsed<Vec<_>> = sites
            .split(',')
            .map(str::trim)
            .filter(|site| !site.is_empty())
            .map(|site| self.site(kind, site, reversible))
            .collect();
        Ok(PatternMolecule { kind, sites: sites? })
    }

    fn site(&self, kind: usize, text: &str, reversible: &mut bool) -> Parsed<PatternSite> {
        let (rest, bond) = text.split_once('!').unwrap_or((text, "0"));
        let (name, state) = rest.split_once('~').map_or((rest, None), |(a, b)| (a, Some(b)));
        let kind = &self.kinds[kind];
        let first = kind.sites.iter().position(|site| site.name == name);
        let first = first.ok_or_else(|| format!("`{}` has no site `{name}`", kind.name))?;
        let mut both = |text: &'_ str| -> (String, String) {
            *reversible |= text.contains('=');
            let (before, after) = text.split_once(['>', '=']).unwrap_or((text, text));
            (before.into(), after.into())
        };
        let state = state.map(&mut both);
        let (bond, bond_after) = both(bond);
        let state_of = |word: &String| {
            let known = kind.sites[first].states.iter().position(|state| state == word);
            known.map(|i| i as u8).ok_or_else(|| format!("`{name}` is never `{word}`"))
        };
        Ok(PatternSite {
            first,
            state: state.as_ref().map(|(before, _)| state_of(before)).transpose()?,
            state_after: state.as_ref().map(|(_, after)| state_of(after)).transpose()?,
            bond: bond_of(&bond)?,
            bond_after: bond_of(&bond_after)?,
        })
    }

    /// The complex that a pattern names completely.
    fn complex(&self, rule: &Rule) -> Parsed<Complex> {
        let (mut complex, mut ends) = (Complex::default(), Vec::new());
        for molecule in &rule.molecules {
            let kind = &self.kinds[molecule.kind];
            let start = complex.add(molecule.kind, kind.sites.len());
            if molecule.sites.len() != kind.sites.len() {
                return Err(format!("a complex to start from names all sites of `{}`", kind.name));
            }
            let mut taken = vec![false; kind.sites.len()];
            for site in &molecule.sites {
                let place = kind.alike(site.first).find(|i| !taken[*i]);
                let place = place.ok_or_else(|| format!("a site of `{}` twice", kind.name))?;
                taken[place] = true;
                let state = site.state.unwrap_or_default();
                complex.sites[start + place].state = state;
                if let Bond::To(label) = site.bond {
                    ends.push((label, start + place));
                }
            }
        }
        ends.sort_unstable();
        for pair in ends.chunks(2) {
            let &[(a, from), (b, to)] = pair else { return Err("a bond with one end".into()) };
            if a != b || complex.sites[from].partner != FREE {
                return Err("a bond has two ends".into());
            }
            complex.join(from, to);
        }
        Ok(complex.canonical(&self.kinds).1)
    }
}

fn kind(text: &str) -> Parsed<Kind> {
    let (name, sites) = cut(text, "(", "`name(sites)`")?;
    let mut kind = Kind { name: name.into(), sites: Vec::new() };
    for site in sites.trim_end_matches(')').split(',') {
        let mut words = site.trim().split('~');
        let name = words.next().unwrap_or_default();
        let own = kind.sites.len();
        let first = kind.sites.iter().position(|site| site.name == name).unwrap_or(own);
        if first != own && kind.sites[own - 1].name != name {
            return Err(format!("sites `{name}` that are alike stand side by side"));
        }
        let states = words.map(String::from).collect();
        kind.sites.push(SiteKind { name: name.into(), first, states });
    }
    Ok(kind)
}

fn bond_of(text: &str) -> Parsed<Bond> {
    match text {
        "0" => Ok(Bond::Free),
        "+" => Ok(Bond::Some),
        "?" => Ok(Bond::Any),
        label => label.parse().map(Bond::To).map_err(|_| format!("`!{label}` is no bond")),
    }
}

fn number(text: &str) -> Parsed<f64> {
    text.trim().parse().map_err(|_| format!("`{}` is neither a number nor a param", text.trim()))
}

fn cut<'a>(text: &'a str, at: &str, wanted: &str) -> Parsed<(&'a str, &'a str)> {
    let (a, b) = text.split_once(at).ok_or_else(|| format!("expected {wanted}"))?;
    Ok((a.trim(), b.trim()))
}
