//! Coefficients as text: `3/40`, `-1.25`, `1e-3`.

/// The double nearest to a coefficient, or a sentence.
pub fn parse(text: &str) -> Result<f64, String> {
    let wrong = || format!("\"{text}\" is not a number such as \"3/40\" or \"0.075\"");
    let value = match text.split_once('/') {
        Some((over, under)) => quotient(whole(over)?, whole(under)?)
            .ok_or_else(|| format!("\"{text}\" divides by zero"))?,
        None if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => {
            text.parse::<f64>().map_err(|_| wrong())?
        }
        None => return Err(wrong()),
    };
    if value.is_finite() { Ok(value) } else { Err(wrong()) }
}

fn whole(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| {
        format!(
            "\"{}\" is not a whole number of at most 18 digits, as fractions are made of",
            text.trim()
        )
    })
}

/// `over / under`, rounded once: 64 bits or more of the quotient as an integer, whose last bit says
/// whether anything follows.
fn quotient(over: i64, under: i64) -> Option<f64> {
    if under == 0 || over == 0 {
        return (under != 0).then_some(0.0);
    }
    let (large, small) = (u128::from(over.unsigned_abs()), u128::from(under.unsigned_abs()));
    let shift = large.leading_zeros();
    let shifted = large << shift;
    let bits = (shifted / small) | u128::from(shifted % small != 0);
    let size = bits as f64 * 0.5_f64.powi(shift as i32);
    Some(if (over < 0) == (under < 0) { size } else { -size })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn fractions_are_rounded_once() {
        // Both parts exact: the processor's division rounds once.
        for (over, under) in [(1, 3), (-9017, 3168), (3, 40), (-5, -7), (0, 5), (7, 1)] {
            let text = format!("{over}/{under}");
            assert_eq!(parse(&text).unwrap(), f64::from(over) / f64::from(under), "{text}");
        }
        // 2^53 + 1 is no double, and neither is its half; the quotient by itself is 1.
        assert_eq!(parse("9007199254740993/9007199254740993").unwrap(), 1.0);
        // 1767732205903/4055673282236 to 30 digits: 0.435866521508459 (a root of
        // 6x³ − 18x² + 9x − 1 to the digits of the fraction).
        let gamma = parse("1767732205903/4055673282236").unwrap();
        assert!((6.0 * gamma.powi(3) - 18.0 * gamma * gamma + 9.0 * gamma - 1.0).abs() < 1e-15);
        assert_eq!(parse("-0.125").unwrap(), -0.125);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "x", "1/0", "nan", "inf", "1e999", "1/2/3", "1//2", "1.5/2", "0x10"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
