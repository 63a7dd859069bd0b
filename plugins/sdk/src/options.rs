//! Typed options: declared once, they give the form in the application, the checks and the values.

use crate::Error;
use std::fmt::Write as _;

/// Declares a struct of options. Every field has a documentation comment (shown to users), a type
/// (`i64`, `f64`, `bool`, `String` or `Vec<f64>`), a default, and limits if any.
///
/// ```
/// slopefield_plugin_sdk::options! {
///     /// Options of the example.
///     pub struct ExampleOptions {
///         /// Number of stages.
///         stages: i64 = 3, min(1.0), max(9.0);
///         /// Step size controller.
///         controller: String = "pi".into(), choices(&["i", "pi"]);
///         /// Widths of the hidden layers.
///         hidden: Vec<f64> = vec![8.0, 8.0], min(1.0);
///     }
/// }
/// assert_eq!(ExampleOptions::default().stages, 3);
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident : $type:ty = $default:expr $(, $limit:ident($value:expr))* ;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                $name { $( $field: $default, )* }
            }
        }

        impl $crate::Options for $name {
            fn specs() -> ::std::vec::Vec<$crate::OptionSpec> {
                ::std::vec![$(
                    $crate::OptionSpec::new::<$type>(
                        ::core::stringify!($field),
                        ::core::concat!($($doc),+),
                        $default,
                    )
                    $(.$limit($value))*
                ),*]
            }

            fn read(
                values: &[(::std::string::String, $crate::OptionValue)],
            ) -> ::core::result::Result<Self, $crate::Error> {
                let specs = <Self as $crate::Options>::specs();
                $crate::OptionSpec::check_names(&specs, values)?;
                ::core::result::Result::Ok($name { $(
                    $field: $crate::OptionSpec::value(
                        &specs,
                        ::core::stringify!($field),
                        values,
                    )?,
                )* })
            }
        }
    };
}

/// The options of a solver or network; implemented by [`options!`](crate::options!).
pub trait Options: Sized + 'static {
    /// What they are called and what they may be.
    fn specs() -> Vec<OptionSpec>;
    /// Values with defaults filled in and limits checked.
    fn read(values: &[(String, OptionValue)]) -> Result<Self, Error>;
}

options! {
    /// For a plugin without options.
    pub struct NoOptions {}
}

/// A value as the user wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// Whole number.
    Integer(i64),
    /// Number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// Word or text.
    Text(String),
    /// List of numbers.
    List(Vec<f64>),
}

/// A type that an option may have.
pub trait OptionType: Sized {
    /// Name in the JSON description.
    const KIND: &'static str;
    /// The value, when it has this type.
    fn from_value(value: &OptionValue) -> Option<Self>;
    /// The value in the common form.
    fn into_value(self) -> OptionValue;
}

macro_rules! option_type {
    ($type:ty, $kind:literal, $variant:ident $(, $other:pat => $converted:expr)*) => {
        impl OptionType for $type {
            const KIND: &'static str = $kind;
            fn from_value(value: &OptionValue) -> Option<Self> {
                match value {
                    OptionValue::$variant(v) => Some(v.clone()),
                    $($other => $converted,)*
                    _ => None,
                }
            }
            fn into_value(self) -> OptionValue {
                OptionValue::$variant(self)
            }
        }
    };
}
option_type!(i64, "integer", Integer);
// A whole number written for a real one.
option_type!(f64, "number", Number, OptionValue::Integer(v) => Some(*v as f64));
option_type!(bool, "flag", Flag);
option_type!(String, "text", Text);
option_type!(Vec<f64>, "list", List);

/// One option: name, type, default, limits, documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionSpec {
    name: &'static str,
    kind: &'static str,
    doc: &'static str,
    default: OptionValue,
    min: Option<f64>,
    max: Option<f64>,
    choices: &'static [&'static str],
}

impl OptionSpec {
    /// An option without limits.
    pub fn new<T: OptionType>(name: &'static str, doc: &'static str, default: T) -> Self {
        OptionSpec {
            name,
            kind: T::KIND,
            doc: doc.trim(),
            default: default.into_value(),
            min: None,
            max: None,
            choices: &[],
        }
    }

    /// Smallest value, or smallest element of a list.
    pub fn min(self, min: f64) -> Self {
        OptionSpec { min: Some(min), ..self }
    }

    /// Largest value, or largest element of a list.
    pub fn max(self, max: f64) -> Self {
        OptionSpec { max: Some(max), ..self }
    }

    /// The words allowed.
    pub fn choices(self, choices: &'static [&'static str]) -> Self {
        OptionSpec { choices, ..self }
    }

    /// Fails when a value has no option of its name.
    pub fn check_names(
        specs: &[OptionSpec],
        values: &[(String, OptionValue)],
    ) -> Result<(), Error> {
        for (name, _) in values {
            if !specs.iter().any(|s| s.name == name) {
                let known: Vec<_> = specs.iter().map(|s| s.name).collect();
                return Err(Error::argument(if known.is_empty() {
                    format!("`{name}` is not an option; there are none")
                } else {
                    format!("`{name}` is not an option; the options are {}", known.join(", "))
                }));
            }
        }
        Ok(())
    }

    /// The last value given for the option `name`, checked, or its default.
    pub fn value<T: OptionType>(
        specs: &[OptionSpec],
        name: &str,
        values: &[(String, OptionValue)],
    ) -> Result<T, Error> {
        let spec = specs
            .iter()
            .find(|s| s.name == name)
            .ok_or_else(|| Error::internal(format!("`{name}` was never declared")))?;
        let given = values.iter().rfind(|(n, _)| n == name).map(|(_, v)| v);
        let typed = T::from_value(given.unwrap_or(&spec.default)).ok_or_else(|| {
            Error::argument(format!("`{name}` must be {}", kind_in_words(spec.kind)))
        })?;
        if let Some(value) = given {
            spec.check_limits(value)?;
        }
        Ok(typed)
    }

    fn check_limits(&self, value: &OptionValue) -> Result<(), Error> {
        let numbers: &[f64] = match value {
            OptionValue::Integer(v) => &[*v as f64],
            OptionValue::Number(v) => &[*v],
            OptionValue::List(v) => v,
            OptionValue::Flag(_) => &[],
            OptionValue::Text(word) => {
                if !self.choices.is_empty() && !self.choices.contains(&word.as_str()) {
                    return Err(Error::argument(format!(
                        "`{}` must be one of {}, not {word}",
                        self.name,
                        self.choices.join(", ")
                    )));
                }
                &[]
            }
        };
        for &v in numbers {
            let low = self.min.is_some_and(|min| v < min);
            let high = self.max.is_some_and(|max| v > max);
            if low || high || !v.is_finite() {
                let range = match (self.min, self.max) {
                    (Some(min), Some(max)) => format!("between {min} and {max}"),
                    (Some(min), None) => format!("at least {min}"),
                    (None, Some(max)) => format!("at most {max}"),
                    (None, None) => "finite".to_owned(),
                };
                return Err(Error::argument(format!("`{}` must be {range}, not {v}", self.name)));
            }
        }
        Ok(())
    }

    /// The JSON array that describes options to the host.
    pub fn to_json(specs: &[OptionSpec]) -> String {
        let mut out = String::from("[");
        for (i, s) in specs.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str("{\"name\":");
            json_text(&mut out, s.name);
            out.push_str(",\"type\":");
            json_text(&mut out, s.kind);
            out.push_str(",\"default\":");
            json_value(&mut out, &s.default);
            for (key, limit) in [("min", s.min), ("max", s.max)] {
                if let Some(v) = limit {
                    out.push(',');
                    json_text(&mut out, key);
                    out.push(':');
                    json_value(&mut out, &OptionValue::Number(v));
                }
            }
            if !s.choices.is_empty() {
                out.push_str(",\"choices\":[");
                for (j, c) in s.choices.iter().enumerate() {
                    if j > 0 {
                        out.push(',');
                    }
                    json_text(&mut out, c);
                }
                out.push(']');
            }
            out.push_str(",\"doc\":");
            json_text(&mut out, s.doc);
            out.push('}');
        }
        out.push(']');
        out
    }
}

fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "flag" => "true or false",
        "list" => "a list of numbers, such as [8, 8]",
        _ => "a word",
    }
}

fn json_value(out: &mut String, value: &OptionValue) {
    match value {
        OptionValue::Integer(v) => {
            let _ = write!(out, "{v}");
        }
        // `{:?}` keeps enough digits and always a point or an exponent; JSON has no infinity.
        OptionValue::Number(v) if v.is_finite() => {
            let _ = write!(out, "{v:?}");
        }
        OptionValue::Number(_) => out.push_str("null"),
        OptionValue::Flag(v) => out.push_str(if *v { "true" } else { "false" }),
        OptionValue::Text(v) => json_text(out, v),
        OptionValue::List(v) => {
            out.push('[');
            for (i, x) in v.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json_value(out, &OptionValue::Number(*x));
            }
            out.push(']');
        }
    }
}

fn json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
