//! "Did you mean …?"

/// The names nearest to `name`, best first; at most two, and none that is not similar.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    // A distance is not worth its time on a name that nobody typed.
    if name.chars().count() > 64 {
        return Vec::new();
    }
    let length = name.chars().count();
    let allowed = if length <= 2 { 1 } else { (length / 3).max(1) + usize::from(length > 4) };
    let lower = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = known
        .filter(|other| other.len() <= 64 && *other != name)
        // Cheap before dear: each letter more or less costs one.
        .filter(|other| other.len().abs_diff(name.len()) <= allowed * 4)
        .filter_map(|other| {
            // Upper and lower case confused counts less than a wrong letter.
            let distance = strsim::osa_distance(&lower, &other.to_lowercase());
            let short = length <= 2 && distance == 1 && other.chars().count() <= 1;
            (distance <= allowed && distance < length && !short).then_some((distance, other))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(2);
    found.into_iter().map(|(_, other)| other).collect()
}

/// "did you mean `x`?" when something is similar to a name that is not known.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    match nearest(name, known).as_slice() {
        [] => None,
        [one] => Some(format!("did you mean `{one}`?")),
        [one, two, ..] => Some(format!("did you mean `{one}` or `{two}`?")),
    }
}
