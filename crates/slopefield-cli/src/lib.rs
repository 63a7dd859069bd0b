//! The slopefield command.
