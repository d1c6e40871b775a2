//! End-to-end tests of Berth; everything is in the `e2e` test binary.
