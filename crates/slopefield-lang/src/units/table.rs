//! The table of unit symbols and prefixes.
//!
//! Values: The International System of Units (BIPM, 9th edition), tables 2, 4, 7 and 8. A year is
//! the Julian year of 365.25 days and a month its twelfth part, as astronomers and modellers use
//! them.

type Dimensions = &'static [(&'static str, f64)];

const NONE: Dimensions = &[];
const S: Dimensions = &[("s", 1.0)];
const M: Dimensions = &[("m", 1.0)];
const KG: Dimensions = &[("kg", 1.0)];
const M3: Dimensions = &[("m", 3.0)];
const J: Dimensions = &[("kg", 1.0), ("m", 2.0), ("s", -2.0)];
const V: Dimensions = &[("A", -1.0), ("kg", 1.0), ("m", 2.0), ("s", -3.0)];
const OHM: Dimensions = &[("A", -2.0), ("kg", 1.0), ("m", 2.0), ("s", -3.0)];
const PA: Dimensions = &[("kg", 1.0), ("m", -1.0), ("s", -2.0)];

const DAY: f64 = 86_400.0;
const YEAR: f64 = 365.25 * DAY;

/// Symbols that take prefixes.
const PREFIXED: &[(&str, f64, Dimensions)] = &[
    ("m", 1.0, M),
    ("g", 1e-3, KG),
    ("s", 1.0, S),
    ("A", 1.0, &[("A", 1.0)]),
    ("K", 1.0, &[("K", 1.0)]),
    ("mol", 1.0, &[("mol", 1.0)]),
    ("cd", 1.0, &[("cd", 1.0)]),
    ("L", 1e-3, M3),
    ("l", 1e-3, M3),
    ("M", 1e3, &[("m", -3.0), ("mol", 1.0)]),
    ("Hz", 1.0, &[("s", -1.0)]),
    ("Bq", 1.0, &[("s", -1.0)]),
    ("N", 1.0, &[("kg", 1.0), ("m", 1.0), ("s", -2.0)]),
    ("Pa", 1.0, PA),
    ("bar", 1e5, PA),
    ("J", 1.0, J),
    ("cal", 4.184, J),
    ("eV", 1.602_176_634e-19, J),
    ("W", 1.0, &[("kg", 1.0), ("m", 2.0), ("s", -3.0)]),
    ("C", 1.0, &[("A", 1.0), ("s", 1.0)]),
    ("V", 1.0, V),
    ("F", 1.0, &[("A", 2.0), ("kg", -1.0), ("m", -2.0), ("s", 4.0)]),
    ("S", 1.0, &[("A", 2.0), ("kg", -1.0), ("m", -2.0), ("s", 3.0)]),
    ("ohm", 1.0, OHM),
    ("Ω", 1.0, OHM),
    ("Wb", 1.0, &[("A", -1.0), ("kg", 1.0), ("m", 2.0), ("s", -2.0)]),
    ("T", 1.0, &[("A", -1.0), ("kg", 1.0), ("s", -2.0)]),
    ("H", 1.0, &[("A", -2.0), ("kg", 1.0), ("m", 2.0), ("s", -2.0)]),
    ("lm", 1.0, &[("cd", 1.0)]),
    ("lx", 1.0, &[("cd", 1.0), ("m", -2.0)]),
    ("kat", 1.0, &[("mol", 1.0), ("s", -1.0)]),
    ("Gy", 1.0, &[("m", 2.0), ("s", -2.0)]),
    ("Sv", 1.0, &[("m", 2.0), ("s", -2.0)]),
    ("Da", 1.660_539_068_92e-27, KG),
    ("t", 1e3, KG),
];

/// Symbols and names that take none.
const PLAIN: &[(&str, f64, Dimensions)] = &[
    ("min", 60.0, S),
    ("h", 3_600.0, S),
    ("hr", 3_600.0, S),
    ("d", DAY, S),
    ("day", DAY, S),
    ("week", 7.0 * DAY, S),
    ("month", YEAR / 12.0, S),
    ("year", YEAR, S),
    ("yr", YEAR, S),
    ("a", YEAR, S),
    ("second", 1.0, S),
    ("minute", 60.0, S),
    ("hour", 3_600.0, S),
    ("metre", 1.0, M),
    ("meter", 1.0, M),
    ("inch", 0.0254, M),
    ("ft", 0.3048, M),
    ("mile", 1_609.344, M),
    ("gram", 1e-3, KG),
    ("tonne", 1e3, KG),
    ("lb", 0.453_592_37, KG),
    ("litre", 1e-3, M3),
    ("liter", 1e-3, M3),
    ("mole", 1.0, &[("mol", 1.0)]),
    ("kelvin", 1.0, &[("K", 1.0)]),
    ("ha", 1e4, &[("m", 2.0)]),
    ("atm", 101_325.0, PA),
    ("mmHg", 133.322_387_415, PA),
    ("rad", 1.0, NONE),
    ("sr", 1.0, NONE),
    ("deg", std::f64::consts::PI / 180.0, NONE),
    ("%", 1e-2, NONE),
    ("percent", 1e-2, NONE),
    ("ppm", 1e-6, NONE),
    ("dozen", 12.0, NONE),
    ("hundred", 1e2, NONE),
    ("thousand", 1e3, NONE),
    ("million", 1e6, NONE),
    ("billion", 1e9, NONE),
];

const PREFIXES: [(&str, f64); 21] = [
    ("da", 1e1),
    ("h", 1e2),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("d", 1e-1),
    ("c", 1e-2),
    ("m", 1e-3),
    ("u", 1e-6),
    ("µ", 1e-6),
    ("μ", 1e-6),
    ("n", 1e-9),
    ("p", 1e-12),
    ("f", 1e-15),
    ("a", 1e-18),
    ("z", 1e-21),
    ("y", 1e-24),
    ("Z", 1e21),
];

/// Scale and dimensions of a symbol or name.
pub(super) fn find(name: &str) -> Option<(f64, Dimensions)> {
    let exact = |table: &'static [(&str, f64, Dimensions)], name: &str| {
        table.iter().find(|(n, _, _)| *n == name).map(|(_, scale, d)| (*scale, *d))
    };
    if let Some(found) = exact(PLAIN, name).or_else(|| exact(PREFIXED, name)) {
        return Some(found);
    }
    // Names in full have a plural.
    if name.len() > 4
        && let Some(one) = name.strip_suffix('s')
        && let Some(found) = exact(PLAIN, one)
    {
        return Some(found);
    }
    PREFIXES.iter().find_map(|(prefix, factor)| {
        let (scale, dimensions) = exact(PREFIXED, name.strip_prefix(prefix)?)?;
        Some((factor * scale, dimensions))
    })
}

/// Every symbol, for suggestions.
pub(super) fn symbols() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().chain(PREFIXED).map(|(name, _, _)| *name)
}
