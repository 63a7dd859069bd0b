use super::Network;
use super::notation::parse;

fn of(text: &str) -> Network {
    Network::of_rules(text).unwrap()
}

macro_rules! rules {
    ($name:literal) => {
        of(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/", $name, ".rules")))
    };
}

fn size(network: &Network) -> (usize, usize) {
    (network.species.len(), network.reactions.len())
}

/// Rate of a reaction by the names of its species.
fn rate(network: &Network, reactants: &[&str], products: &[&str]) -> f64 {
    let mut sides = [reactants, products]
        .map(|side| side.iter().map(|name| network.find(name).unwrap() as u32).collect::<Vec<_>>());
    sides.iter_mut().for_each(|side| side.sort_unstable());
    let [reactants, products] = sides;
    let found = network
        .reactions
        .iter()
        .filter(|r| r.reactants == reactants && r.products == products)
        .map(|r| r.factor * network.rates[r.rate as usize].factor);
    found.sum()
}

#[test]
fn published_networks_have_their_published_sizes() {
    assert_eq!(size(&rules!("multisite2")), (66, 288));
    assert_eq!(size(&rules!("egfr")), (356, 3749));
    assert_eq!(size(&rules!("bcr")), (1122, 24_388));
    assert_eq!(size(&rules!("fceri_gamma2")), (3744, 58_276));
}

#[test]
fn reactions_keep_what_molecules_there_are() {
    for network in [rules!("multisite2"), rules!("egfr"), rules!("bcr")] {
        let molecules = |i: &u32| {
            let names = network.species[*i as usize].split('.');
            let mut names: Vec<&str> = names.map(|m| m.split('(').next().unwrap()).collect();
            names.sort_unstable();
            names
        };
        for reaction in &network.reactions {
            let [mut before, mut after] = [&reaction.reactants, &reaction.products]
                .map(|side| side.iter().flat_map(molecules).collect::<Vec<_>>());
            before.sort_unstable();
            after.sort_unstable();
            assert_eq!(before, after);
        }
    }
}

#[test]
fn equal_molecules_pair_half_as_often_and_part_once() {
    let network = of("molecule A(x,y~0~1)\nparam k = 1\nparam r = 1\n\
                      start A(x,y~0) = 1\nstart A(x,y~1) = 1\n\
                      rule A(x!0=1) + A(x!0=1) at k, r");
    assert_eq!(size(&network), (5, 6));
    let (plain, marked) = ("A(x,y~0)", "A(x,y~1)");
    let pair = |a, b| format!("A(x!1,y~{a}).A(x!1,y~{b})");
    assert_eq!(rate(&network, &[plain, plain], &[&pair(0, 0)]), 0.5);
    assert_eq!(rate(&network, &[plain, marked], &[&pair(0, 1)]), 1.0);
    assert_eq!(rate(&network, &[&pair(0, 0)], &[plain, plain]), 1.0);
    assert_eq!(rate(&network, &[&pair(0, 1)], &[plain, marked]), 1.0);
}

#[test]
fn sites_that_are_alike_count_each_and_are_one_species() {
    let network = of("molecule L(l,l)\nmolecule R(a)\nparam k = 1\nparam r = 1\n\
                      start L(l,l) = 1\nstart R(a) = 1\n\
                      rule R(a!0=1) + L(l!0=1) at k, r");
    assert_eq!(network.species.len(), 4);
    let (one, two) = ("L(l,l!1).R(a!1)", "L(l!1,l!2).R(a!1).R(a!2)");
    assert_eq!(rate(&network, &["L(l,l)", "R(a)"], &[one]), 2.0);
    assert_eq!(rate(&network, &[one, "R(a)"], &[two]), 1.0);
    assert_eq!(rate(&network, &[two], &[one, "R(a)"]), 2.0);
    assert_eq!(rate(&network, &[one], &["L(l,l)", "R(a)"]), 1.0);
}

#[test]
fn a_bond_within_a_ring_does_not_part_it() {
    // A breaks from B only where the other bond does not hold them.
    let network = of("molecule A(x,y)\nmolecule B(x,y)\nparam k = 1\n\
                      start A(x!1,y!2).B(x!1,y!2) = 1\nstart A(x!1,y).B(x!1,y) = 1\n\
                      rule A(x!1>0).B(x!1>0) at k");
    assert_eq!(size(&network), (4, 1));
    // And where both are named, it opens or parts as the pattern says.
    let network = of("molecule A(x,y)\nmolecule B(x,y)\nparam k = 1\n\
                      start A(x!1,y!2).B(x!1,y!2) = 1\n\
                      rule A(x!1>0,y!2).B(x!1>0,y!2) at k\n\
                      rule A(x!1>0,y!2>0).B(x!1>0,y!2>0) at k");
    assert_eq!(size(&network), (4, 2));
}

#[test]
fn all_ways_to_write_a_complex_are_one() {
    let names = "molecule A(l,l,s~0~1)\nmolecule B(b,c)\nmolecule C(c)\n";
    let ways = [
        "A(l!1,l!2,s~0).B(b!1,c!3).C(c!3).B(b!2,c)",
        "C(c!1).B(c!1,b!5).B(b!4,c).A(s~0,l!4,l!5)",
        "B(b!9,c).A(l!9,l!8,s~0).B(c!7,b!8).C(c!7)",
    ];
    let species = ways.map(|way| of(&format!("{names}start {way} = 1")).species);
    assert_eq!(species[0].len(), 1);
    assert!(species.iter().all(|name| *name == species[0]), "{species:?}");
    let other = of(&format!("{names}start {} = 1", ways[0].replace("s~0", "s~1")));
    assert_ne!(other.species, species[0]);
}

#[test]
fn lines_that_say_nothing_are_named() {
    let molecule = "molecule A(x~0~1)\nparam k = 1\n";
    let cases = [
        ("rule A(y) at k", "`A` has no site `y`"),
        ("rule B(x) at k", "there is no molecule `B`"),
        ("rule A(x~2>0) at k", "`x` is never `2`"),
        ("rule A(x!1) at k", "a bond has two ends"),
        ("rule A(x~0>1) at q", "`q` is neither a number nor a param"),
        ("rule A(x~0=1) at k", "1 rates where `=` or `>` ask for others"),
        ("rule A() + A() + A() at k", "no more than two complexes meet"),
        ("start A() = 1", "a complex to start from names all sites of `A`"),
        ("stop A() = 1", "no statement begins with `stop`"),
    ];
    for (line, message) in cases {
        let error = parse(&format!("{molecule}{line}")).unwrap_err();
        assert_eq!((error.line, &error.message[..]), (3, message));
    }
}

#[test]
fn growth_without_an_end_is_an_error() {
    let chain = "molecule A(l,r)\nparam k = 1\nstart A(l,r) = 1\n\
                 rule A(l!0>1) + A(r!0>1) at k";
    let error = super::expand::expand_to(chain, 100).unwrap_err();
    assert!(error.message.contains("more than 100 species"), "{error}");
}
