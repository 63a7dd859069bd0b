//! The signals that drive a model which is simulated.

use crate::failure::{self, error};
use slopefield_api::types::InputTable;
use slopefield_api::{ApiError, Code};
use slopefield_lang::{Model, did_you_mean};
use slopefield_study::load::read_table;
use slopefield_study::{Signal, Signals, StudyError, StudyFile, TableData, resolve};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Signals by input of a model, as far as they are known.
pub struct Known(Vec<Option<Signal>>);

impl Known {
    /// Every input has one.
    pub fn complete(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// With those of an experiment of a study for the others.
    pub fn filled(
        mut self,
        model: &Model,
        study: &StudyFile,
        tables: &BTreeMap<String, TableData>,
        experiment: Option<&str>,
    ) -> Result<Known, ApiError> {
        let signals = resolve::signals(model, study, tables, experiment)
            .map_err(|problems| failure::study(StudyError::Study(problems)))?;
        for (own, signal) in self.0.iter_mut().zip(signals.iter()) {
            own.get_or_insert_with(|| signal.clone());
        }
        Ok(self)
    }

    /// All of them, when there is one for each input of a model that has any.
    pub fn all(self) -> Option<Arc<Signals>> {
        let list: Vec<Signal> = self.0.into_iter().collect::<Option<_>>()?;
        (!list.is_empty()).then(|| Arc::new(Signals::new(list)))
    }
}

/// The signals that tables in files give.
pub fn of_files(model: &Model, files: &[InputTable]) -> Result<Known, ApiError> {
    let mut known = Known(vec![None; model.inputs.len()]);
    for file in files {
        let wrong = |message: String| error(Code::Study, message);
        let name = &file.input;
        let Some(i) = model.inputs.iter().position(|input| input.name == *name) else {
            let hint = did_you_mean(name, model.inputs.iter().map(|input| input.name.as_str()));
            let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
            return Err(wrong(format!("the model has no input `{name}`{hint}")));
        };
        let input = &model.inputs[i];
        let table = read_table(Path::new(&file.file)).map_err(failure::study)?;
        let table = TableData::from(&table);
        let column = file.column.as_ref().unwrap_or(&input.column);
        let at =
            |message: String| wrong(format!("the input `{name}`, in {}: {message}", file.file));
        let values = resolve::number_column(&table, column).map_err(at)?;
        let times = resolve::time_values(model, None, &table).map_err(at)?;
        let points = times.iter().copied().zip(values.iter().copied());
        let signal = Signal::new(name, input.interpolation, points)
            .map_err(|why| at(format!("the column `{column}` {why}")))?;
        known.0[i] = Some(signal);
    }
    Ok(known)
}
