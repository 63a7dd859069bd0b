//! Standard problems with trusted references.
