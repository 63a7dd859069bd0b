//! Safe traits for plugin authors.
