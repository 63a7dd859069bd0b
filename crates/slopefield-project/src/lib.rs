//! The project file: one SQLite database that people share.
