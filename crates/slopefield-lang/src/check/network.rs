//! Declarations of networks.

use super::Checker;
use super::scope::Kind;
use crate::Diagnostic;
use crate::functions;
use crate::model::{Network, OptionValue};
use crate::syntax::{Expression, ExpressionKind as K, Name, OptionExpression};

/// Most inputs or outputs of a network.
const MAX_WIDTH: f64 = 65_536.0;

impl<'a> Checker<'a> {
    pub(super) fn networks(&mut self) {
        for index in 0..self.declared.networks.len() {
            let item = &self.declared.networks[index];
            let (name, kind, list, span) = (item.name, item.kind, item.options, item.span);
            let mut options: Vec<(String, OptionValue)> = Vec::new();
            for (i, (option, value)) in list.iter().enumerate() {
                if let Some((first, _)) = list[..i].iter().find(|(o, _)| o.text == option.text) {
                    let message = format!("the option `{}` is given twice", option.text);
                    self.report(
                        Diagnostic::error("duplicate-option", option.span, message)
                            .related(first.span, "first given here"),
                    );
                    continue;
                }
                if let Some(value) = self.option(value) {
                    options.push((option.text.clone(), value));
                }
            }
            let inputs = self.width("inputs", list, &options, name);
            let outputs = self.width("outputs", list, &options, name);
            let (name, kind) = (name.text.clone(), kind.text.clone());
            self.model.networks.push(Network { name, kind, inputs, outputs, options, span });
        }
    }

    /// `inputs` or `outputs`; 0 when it is not there or no count, which is reported.
    fn width(
        &mut self,
        which: &str,
        written: &[(Name, OptionExpression)],
        options: &[(String, OptionValue)],
        network: &Name,
    ) -> u32 {
        let at = written.iter().find(|(o, _)| o.text == which).map(|(o, _)| o.span);
        let Some(at) = at else {
            if !network.text.is_empty() {
                let message =
                    format!("the network `{}` does not say how many {which} it has", network.text);
                let hint = format!("add `{which}: 1`");
                self.error_hint("missing-option", network.span, message, hint);
            }
            return 0;
        };
        match options.iter().find(|(o, _)| o == which).map(|(_, value)| value) {
            Some(OptionValue::Number(n)) if n.fract() == 0.0 && (1.0..=MAX_WIDTH).contains(n) => {
                *n as u32
            }
            None => 0,
            Some(_) => {
                let message = format!("`{which}` must be a whole number from 1 to {MAX_WIDTH}");
                self.error("wrong-option", at, message);
                0
            }
        }
    }

    fn option(&mut self, value: &'a OptionExpression) -> Option<OptionValue> {
        match value {
            OptionExpression::Text(text) => Some(OptionValue::Text(text.text.clone())),
            OptionExpression::Expression(e) => match &e.kind {
                K::Missing => None,
                K::List(list) if self.are_words(list) => {
                    let word = |e: &Expression| match &e.kind {
                        K::Name(word) => Some(word.clone()),
                        _ => None,
                    };
                    Some(OptionValue::Words(list.iter().filter_map(word).collect()))
                }
                K::List(list) => {
                    let numbers = list.iter().map(|e| self.fixed_number(e, "an element of a list"));
                    let numbers: Vec<_> = numbers.collect();
                    Some(OptionValue::List(numbers.into_iter().collect::<Option<_>>()?))
                }
                K::Name(word) => self.word(word, e),
                _ => self.fixed_number(e, "an option of a network").map(OptionValue::Number),
            },
        }
    }

    /// Whether a list holds words, none of which has a meaning in the model or the language.
    fn are_words(&self, list: &[Expression]) -> bool {
        let is_word = |e: &Expression| match &e.kind {
            K::Name(word) => {
                let of_language = functions::CONSTANTS.iter().any(|(name, _)| name == word);
                !of_language && !self.names.table.contains_key(word.as_str())
            }
            _ => false,
        };
        !list.is_empty() && list.iter().all(is_word)
    }

    fn is_constant(&self, word: &str) -> bool {
        matches!(self.names.table.get(word).map(|s| s.kind), Some(Kind::Const(_)))
    }

    /// A bare word, unless it is `true`, `false` or a constant of the model.
    fn word(&mut self, word: &str, e: &'a Expression) -> Option<OptionValue> {
        match word {
            "true" => Some(OptionValue::Flag(true)),
            "false" => Some(OptionValue::Flag(false)),
            _ if self.is_constant(word) => {
                self.fixed_number(e, "an option of a network").map(OptionValue::Number)
            }
            _ => Some(OptionValue::Word(word.to_owned())),
        }
    }
}
