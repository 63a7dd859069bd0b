//! Discovery and loading of native plugins.
