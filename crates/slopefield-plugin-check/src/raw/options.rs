//! Options as the interface wants them.

use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use std::ptr;

/// C options that borrow from `options`.
pub(super) fn to_c(options: &[(String, OptionValue)]) -> Vec<abi::slf_option> {
    let convert = |(name, value): &(String, OptionValue)| {
        let mut out = abi::slf_option {
            name: abi::slf_str::borrowed(name),
            r#type: abi::SLF_OPTION_F64,
            reserved: 0,
            i64: 0,
            f64: 0.0,
            text: abi::slf_str::new(""),
            list: ptr::null(),
            list_len: 0,
        };
        match value {
            OptionValue::Number(v) => {
                out.f64 = *v;
                if v.fract() == 0.0 {
                    out.r#type = abi::SLF_OPTION_I64;
                    out.i64 = *v as i64;
                }
            }
            OptionValue::Flag(v) => {
                out.r#type = abi::SLF_OPTION_BOOL;
                out.i64 = i64::from(*v);
            }
            OptionValue::List(v) => {
                out.r#type = abi::SLF_OPTION_LIST;
                out.list = v.as_ptr();
                out.list_len = v.len() as u64;
            }
            OptionValue::Word(v) | OptionValue::Text(v) => {
                out.r#type = abi::SLF_OPTION_TEXT;
                out.text = abi::slf_str::borrowed(v);
            }
            // The interface has no list of words; the application sends one text.
            OptionValue::Words(_) => out.r#type = abi::SLF_OPTION_TEXT,
        }
        out
    };
    options.iter().map(convert).collect()
}
