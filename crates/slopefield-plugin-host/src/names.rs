//! "Did you mean": the nearest of a list of names.

/// The end of a sentence about an unknown name: near names, else all names, else that there are
/// none. `known` is sorted.
pub(crate) fn hint(asked: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "; no plugin offers one".to_owned();
    }
    // The plugin's part of an id may be left out; it does not lend likeness to the rest.
    let (plugin, asked) = asked.rsplit_once('/').unwrap_or(("", asked));
    let far = (asked.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|&name| {
            let (of, last) = name.rsplit_once('/').unwrap_or(("", name));
            let stranger = if plugin.is_empty() { 0 } else { distance(plugin, of) };
            let d = stranger + distance(asked, last);
            (d <= far).then_some((d, name))
        })
        .collect();
    near.sort();
    if near.is_empty() {
        format!("; there are {}", known.join(", "))
    } else {
        let near: Vec<_> = near.into_iter().take(3).map(|(_, n)| n).collect();
        format!("; did you mean {}?", near.join(" or "))
    }
}

/// Edit distance (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in [("", "", 0), ("kitten", "sitting", 3), ("abc", "", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn hints() {
        let known = ["org.a/dop853", "org.a/rodas4"];
        assert_eq!(hint("dop583", &known), "; did you mean org.a/dop853?");
        assert_eq!(hint("gauss", &known), "; there are org.a/dop853, org.a/rodas4");
        assert_eq!(hint("gauss", &[]), "; no plugin offers one");
    }
}
