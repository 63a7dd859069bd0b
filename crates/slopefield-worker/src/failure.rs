//! Failures of the parts as failures of the API.

use slopefield_api::{ApiError, Code};
use slopefield_study::StudyError;

/// An error with a code and a sentence.
pub fn error(code: Code, message: impl Into<String>) -> ApiError {
    ApiError { code, message: message.into(), advice: None, details: Vec::new() }
}

/// The same with advice.
pub fn advised(code: Code, message: impl Into<String>, advice: impl Into<String>) -> ApiError {
    ApiError { advice: Some(advice.into()), ..error(code, message) }
}

/// A study that cannot be used.
pub fn study(e: StudyError) -> ApiError {
    match e {
        StudyError::Model { summary, rendered } => ApiError {
            code: Code::Model,
            message: summary,
            advice: Some("correct the model text at the places shown".into()),
            details: rendered.lines().map(str::to_owned).collect(),
        },
        StudyError::Compile(message) => error(Code::Model, message),
        StudyError::Study(problems) => {
            let fatal: Vec<_> =
                problems.iter().filter(|p| p.fatal).map(ToString::to_string).collect();
            let first = fatal.first().cloned().unwrap_or_default();
            ApiError { details: fatal[1.min(fatal.len())..].to_vec(), ..error(Code::Study, first) }
        }
        StudyError::Data { ref advice, .. } => {
            ApiError { advice: advice.clone(), ..error(Code::Data, e.to_string()) }
        }
        StudyError::File { .. } => advised(
            Code::File,
            e.to_string(),
            "check the path; what a study names is looked up from the folder of the study",
        ),
        StudyError::Solve { message, advice } => advised(Code::Solve, message, advice),
        StudyError::Solver(_) => error(Code::Study, e.to_string()),
    }
}

/// A file that cannot be read or written.
pub fn file(path: &std::path::Path, doing: &str, e: &std::io::Error) -> ApiError {
    let advice = "check that the folder exists and that you may write there";
    advised(Code::File, format!("{} cannot be {doing}: {e}", path.display()), advice)
}
