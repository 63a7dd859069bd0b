//! Plans compiled to native code.
