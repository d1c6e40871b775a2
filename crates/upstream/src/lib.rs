//! Other registries, as the proxy sees them
