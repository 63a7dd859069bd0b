//! The study: model, data, experiments and settings made into a training problem.

pub mod file;
