//! Options of the language as the C interface wants them.

use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use std::ptr;

/// Options with lists of words as one text, `tanh, relu`: the C interface has no list of words.
pub fn spelled_options(options: &[(String, OptionValue)]) -> Vec<(String, OptionValue)> {
    let spell = |value: &OptionValue| match value {
        OptionValue::Words(words) => OptionValue::Text(words.join(", ")),
        other => other.clone(),
    };
    options.iter().map(|(name, value)| (name.clone(), spell(value))).collect()
}

/// C options that borrow from `options`, which must outlive their use and come from
/// [`spelled_options`].
pub fn c_options(options: &[(String, OptionValue)]) -> Vec<abi::slf_option> {
    options
        .iter()
        .map(|(name, value)| {
            let mut out = abi::slf_option {
                name: abi::slf_str::borrowed(name),
                r#type: 0,
                reserved: 0,
                i64: 0,
                f64: 0.0,
                text: abi::slf_str::new(""),
                list: ptr::null(),
                list_len: 0,
            };
            match value {
                // The language has one kind of number; beyond 2^53 a float is not a whole number
                // that anybody wrote.
                OptionValue::Number(v)
                    if v.fract() == 0.0 && v.abs() <= 9.007_199_254_740_992e15 =>
                {
                    out.r#type = abi::SLF_OPTION_I64;
                    out.i64 = *v as i64;
                    out.f64 = *v;
                }
                OptionValue::Number(v) => {
                    out.r#type = abi::SLF_OPTION_F64;
                    out.f64 = *v;
                }
                OptionValue::Word(v) | OptionValue::Text(v) => {
                    out.r#type = abi::SLF_OPTION_TEXT;
                    out.text = abi::slf_str::borrowed(v);
                }
                OptionValue::List(v) => {
                    out.r#type = abi::SLF_OPTION_LIST;
                    out.list = v.as_ptr();
                    out.list_len = v.len() as u64;
                }
                OptionValue::Words(_) => unreachable!("`spelled_options` has made a text of them"),
                OptionValue::Flag(v) => {
                    out.r#type = abi::SLF_OPTION_BOOL;
                    out.i64 = i64::from(*v);
                }
            }
            out
        })
        .collect()
}
