//! Reading tables of measurements.
