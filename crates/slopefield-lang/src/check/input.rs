//! Forcing signals: `input u = column("rain", linear)`.

use super::Checker;
use crate::model::{Input, Interpolation};

impl Checker<'_> {
    /// Numbers the inputs behind the states; their values come with the data.
    pub(super) fn inputs(&mut self) {
        for item in &self.declared.inputs {
            let interpolation = match item.interpolation.map(|word| word.text.as_str()) {
                Some("previous") => Interpolation::Previous,
                Some("cubic") => Interpolation::Cubic,
                // Other words have been reported by the parser.
                _ => Interpolation::Linear,
            };
            self.model.inputs.push(Input {
                name: item.name.text.clone(),
                column: item.column.text.clone(),
                interpolation,
                unit: item.unit.map(|unit| unit.text.clone()),
                span: item.span,
            });
        }
        let inputs = super::name::id(self.model.inputs.len());
        self.resolution.first_delayed = self.resolution.state_count + inputs;
    }
}
