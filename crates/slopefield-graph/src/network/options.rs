//! Options of the built-in kinds: what there is, what it may be, and reading what a model says.

use std::fmt;

use slopefield_lang::{OptionValue, did_you_mean};

use super::activation::{self, Activation};
use super::kinds::Kind;
use super::{Init, NetworkError, init};

/// One option of a kind of network.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Name.
    pub name: &'static str,
    /// What it may be.
    pub accepts: Accepts,
    /// What it is when a model does not say.
    pub standard: Standard,
    /// One line of help.
    pub help: &'static str,
}

/// Values that an option takes.
#[derive(Debug, Clone, Copy)]
pub enum Accepts {
    /// Widths of hidden layers; a single number is one layer.
    Widths,
    /// A whole number between these.
    Count(u32, u32),
    /// A number between these.
    Number(f64, f64),
    /// A number but 0.
    Factor,
    /// A number above 0.
    Positive,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The name of an activation.
    Activation,
    /// The name of an activation, or a list with one for each hidden layer.
    Activations,
    /// Two numbers, the lower first.
    Interval,
    /// Numbers of inputs, counted from 1.
    Members,
}

/// A value that stands in for what a model does not say.
#[derive(Debug, Clone, Copy)]
pub enum Standard {
    /// A number.
    Number(f64),
    /// A list.
    List(&'static [f64]),
    /// `true` or `false`.
    Flag(bool),
    /// A word.
    Word(&'static str),
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accepts::Widths => write!(f, "widths of hidden layers"),
            Accepts::Count(least, most) => write!(f, "a whole number from {least} to {most}"),
            Accepts::Number(least, most) => write!(f, "a number from {least} to {most}"),
            Accepts::Factor => write!(f, "a number but 0"),
            Accepts::Positive => write!(f, "a number above 0"),
            Accepts::Flag => write!(f, "true or false"),
            Accepts::Word(words) => write!(f, "{}", words.join(", ")),
            Accepts::Activation => write!(f, "an activation"),
            Accepts::Activations => write!(f, "an activation, or one for each hidden layer"),
            Accepts::Interval => write!(f, "two numbers, the lower first"),
            Accepts::Members => write!(f, "numbers of inputs, counted from 1"),
        }
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standard::Number(n) => write!(f, "{n}"),
            Standard::List(list) => {
                let numbers: Vec<String> = list.iter().map(f64::to_string).collect();
                write!(f, "[{}]", numbers.join(", "))
            }
            Standard::Flag(b) => write!(f, "{b}"),
            Standard::Word(w) => f.write_str(w),
        }
    }
}

impl Standard {
    fn value(self) -> OptionValue {
        match self {
            Standard::Number(n) => OptionValue::Number(n),
            Standard::List(list) => OptionValue::List(list.to_vec()),
            Standard::Flag(b) => OptionValue::Flag(b),
            Standard::Word(w) => OptionValue::Word(w.into()),
        }
    }
}

/// Widest hidden layer, and most hidden layers.
const MAX_WIDTH: u32 = 65_536;
const MAX_LAYERS: usize = 64;

/// The options of one network of a model, against the table of its kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    kind: &'static Kind,
    /// Length of the input vector.
    pub(crate) inputs: u32,
    /// Length of the output vector.
    pub(crate) outputs: u32,
    given: &'a [(String, OptionValue)],
}

type Read<T> = Result<T, NetworkError>;

impl<'a> Options<'a> {
    /// Refuses names that the kind does not have.
    pub(crate) fn new(
        kind: &'static Kind,
        (inputs, outputs): (u32, u32),
        given: &'a [(String, OptionValue)],
    ) -> Read<Self> {
        let names = || ["inputs", "outputs"].into_iter().chain(kind.options.iter().map(|o| o.name));
        for (name, _) in given {
            if !names().any(|known| known == name) {
                let near = did_you_mean(name, names()).map_or(String::new(), |n| format!("; {n}"));
                return Err(NetworkError {
                    message: format!(
                        "`{}` has no option `{name}`{near}; it has {}",
                        kind.name,
                        names().collect::<Vec<_>>().join(", ")
                    ),
                });
            }
        }
        if outputs == 0 {
            return Err(NetworkError {
                message: format!("`outputs` of `{}` must be 1 or more", kind.name),
            });
        }
        Ok(Options { kind, inputs, outputs, given })
    }

    /// An error about this network as a whole.
    pub(crate) fn refuse<T>(&self, message: impl fmt::Display) -> Read<T> {
        Err(NetworkError { message: format!("`{}` {message}", self.kind.name) })
    }

    /// An error about one option: `` `degree` of `spline` `` and the rest of the sentence.
    pub(crate) fn wrong<T>(&self, option: &str, rest: impl fmt::Display) -> Read<T> {
        Err(NetworkError { message: format!("`{option}` of `{}` {rest}", self.kind.name) })
    }

    fn found(&self, name: &str) -> Read<(Accepts, OptionValue)> {
        let Some(spec) = self.kind.options.iter().find(|o| o.name == name) else {
            return self.refuse(format!("reads an option `{name}` that its table does not have"));
        };
        let given = self.given.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        Ok((spec.accepts, given.unwrap_or_else(|| spec.standard.value())))
    }

    fn expected<T>(&self, name: &str, accepts: Accepts, found: &OptionValue) -> Read<T> {
        let what = match accepts {
            Accepts::Word(words) => format!("one of {}", words.join(", ")),
            Accepts::Widths => "the widths of the hidden layers, such as [16, 16]".into(),
            Accepts::Activation => "the name of a function such as tanh".into(),
            Accepts::Activations => "the name of a function such as tanh, or one per layer".into(),
            Accepts::Interval => "two numbers, the lower first, such as [-1, 1]".into(),
            other => other.to_string(),
        };
        let near = match (accepts, found) {
            (Accepts::Word(words), OptionValue::Word(w) | OptionValue::Text(w)) => {
                did_you_mean(w, words.iter().copied()).map_or(String::new(), |n| format!("; {n}"))
            }
            _ => String::new(),
        };
        self.wrong(name, format!("is {}; give {what}{near}", show(found)))
    }

    /// An [`Accepts::Count`].
    pub(crate) fn count(&self, name: &str) -> Read<u32> {
        match self.found(name)? {
            (Accepts::Count(least, most), OptionValue::Number(n))
                if n.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&n) =>
            {
                Ok(n as u32)
            }
            (accepts, other) => self.expected(name, accepts, &other),
        }
    }

    /// An [`Accepts::Number`], [`Accepts::Factor`] or [`Accepts::Positive`].
    pub(crate) fn number(&self, name: &str) -> Read<f64> {
        match self.found(name)? {
            (Accepts::Number(least, most), OptionValue::Number(n))
                if (least..=most).contains(&n) =>
            {
                Ok(n)
            }
            (Accepts::Factor, OptionValue::Number(n)) if n.is_finite() && n != 0.0 => Ok(n),
            (Accepts::Positive, OptionValue::Number(n)) if n.is_finite() && n > 0.0 => Ok(n),
            (accepts, other) => self.expected(name, accepts, &other),
        }
    }

    /// An [`Accepts::Flag`].
    pub(crate) fn flag(&self, name: &str) -> Read<bool> {
        match self.found(name)? {
            (_, OptionValue::Flag(b)) => Ok(b),
            (accepts, other) => self.expected(name, accepts, &other),
        }
    }

    /// An [`Accepts::Word`].
    pub(crate) fn word(&self, name: &str) -> Read<&'static str> {
        let (accepts, value) = self.found(name)?;
        let known = match (accepts, &value) {
            (Accepts::Word(words), OptionValue::Word(w) | OptionValue::Text(w)) => {
                words.iter().find(|word| *word == w)
            }
            _ => None,
        };
        known.map_or_else(|| self.expected(name, accepts, &value), |word| Ok(*word))
    }

    /// An [`Accepts::Interval`].
    pub(crate) fn interval(&self, name: &str) -> Read<(f64, f64)> {
        let (accepts, value) = self.found(name)?;
        match &value {
            OptionValue::List(list) => match list.as_slice() {
                [low, high] if low < high && (high - low).is_finite() => Ok((*low, *high)),
                _ => self.expected(name, accepts, &value),
            },
            other => self.expected(name, accepts, other),
        }
    }

    /// An [`Accepts::Widths`].
    pub(crate) fn widths(&self, name: &str) -> Read<Vec<u32>> {
        let widths = match self.found(name)? {
            (_, OptionValue::Number(n)) => vec![n],
            (_, OptionValue::List(list)) => list,
            (accepts, other) => return self.expected(name, accepts, &other),
        };
        if widths.len() > MAX_LAYERS {
            let count = widths.len();
            return self
                .wrong(name, format!("lists {count} layers; at most {MAX_LAYERS} are possible"));
        }
        widths
            .iter()
            .map(|w| {
                if w.fract() == 0.0 && (1.0..=f64::from(MAX_WIDTH)).contains(w) {
                    Ok(*w as u32)
                } else {
                    let rule = format!("a width is a whole number from 1 to {MAX_WIDTH}");
                    self.wrong(name, format!("holds {w}; {rule}"))
                }
            })
            .collect()
    }

    /// An [`Accepts::Members`], as positions from 0.
    pub(crate) fn members(&self, name: &str) -> Read<Vec<u32>> {
        let list = match self.found(name)? {
            (_, OptionValue::Number(n)) => vec![n],
            (_, OptionValue::List(list)) => list,
            (accepts, other) => return self.expected(name, accepts, &other),
        };
        let mut members: Vec<u32> = Vec::with_capacity(list.len());
        for n in list {
            if n.fract() != 0.0 || !(1.0..=f64::from(self.inputs)).contains(&n) {
                let rule = format!("the inputs are numbered from 1 to {}", self.inputs);
                return self.wrong(name, format!("holds {n}; {rule}"));
            }
            if members.contains(&(n as u32 - 1)) {
                return self.wrong(name, format!("holds {n} twice"));
            }
            members.push(n as u32 - 1);
        }
        Ok(members)
    }

    /// An [`Accepts::Activation`].
    pub(crate) fn activation(&self, name: &str) -> Read<Activation> {
        match self.found(name)? {
            (_, OptionValue::Word(w) | OptionValue::Text(w)) => self.activation_named(name, &w),
            (accepts, other) => self.expected(name, accepts, &other),
        }
    }

    /// An [`Accepts::Activations`]: one for each of `layers`.
    pub(crate) fn activations(&self, name: &str, layers: usize) -> Read<Vec<Activation>> {
        match self.found(name)? {
            (_, OptionValue::Word(w) | OptionValue::Text(w)) => {
                Ok(vec![self.activation_named(name, &w)?; layers])
            }
            (_, OptionValue::Words(words)) if words.len() == layers => {
                words.iter().map(|w| self.activation_named(name, w)).collect()
            }
            (_, OptionValue::Words(words)) => {
                let count = words.len();
                self.wrong(name, format!("lists {count} functions for {layers} hidden layers"))
            }
            // `[]` is a list of numbers, and right where there is no hidden layer.
            (_, OptionValue::List(list)) if list.is_empty() && layers == 0 => Ok(Vec::new()),
            (accepts, other) => self.expected(name, accepts, &other),
        }
    }

    fn activation_named(&self, option: &str, word: &str) -> Read<Activation> {
        activation::named(word).or_else(|why| self.wrong(option, format!("is {why}")))
    }

    /// The initial distribution that an option of the words [`init::NAMES`] asks for; `None` is
    /// `auto`.
    pub(crate) fn init(&self, name: &str) -> Read<Option<Init>> {
        Ok(Init::named(self.word(name)?))
    }
}

fn show(value: &OptionValue) -> String {
    match value {
        OptionValue::Number(n) => n.to_string(),
        OptionValue::Word(w) => format!("`{w}`"),
        OptionValue::Text(t) => format!("\"{t}\""),
        OptionValue::List(l) => format!("{l:?}"),
        OptionValue::Words(words) => format!("[{}]", words.join(", ")),
        OptionValue::Flag(f) => f.to_string(),
    }
}

/// A row of a table of options.
pub(crate) const fn option(
    name: &'static str,
    accepts: Accepts,
    standard: Standard,
    help: &'static str,
) -> OptionSpec {
    OptionSpec { name, accepts, standard, help }
}

pub(crate) const HIDDEN: OptionSpec = option(
    "hidden",
    Accepts::Widths,
    Standard::List(&[16.0, 16.0]),
    "widths of the hidden layers; [] is none",
);
pub(crate) const INIT: OptionSpec = option(
    "init",
    Accepts::Word(&init::NAMES),
    Standard::Word("auto"),
    "start of the weights; auto follows the activation",
);
pub(crate) const SCALE: OptionSpec =
    option("scale", Accepts::Factor, Standard::Number(1.0), "factor of all outputs");
pub(crate) const BIAS: OptionSpec =
    option("bias", Accepts::Flag, Standard::Flag(true), "whether layers add a constant");
