//! What the fuzz targets share.

pub mod grammar;
pub mod registry;
pub mod script;
pub mod upstream;
