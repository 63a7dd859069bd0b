//! Plans on graphics cards.
