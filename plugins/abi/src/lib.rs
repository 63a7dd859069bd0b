//! C types of the plugin interface.
