//! Settings to the set of ports; the only crate that names every adapter
