//! Typed settings from flags, environment and file
