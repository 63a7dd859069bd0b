//! Bounds of stability, and the sentence of the report.
