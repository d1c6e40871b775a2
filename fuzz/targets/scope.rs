//! Token scopes: each is of the grammar, a list is bounded, and is read again as
//! it is written.
#![no_main]

use berth_fuzz::grammar::SCOPE;
use berth_oci::{MAX_SCOPES, Scope};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if SCOPE.matches(text) {
        assert!(text.parse::<Scope>().is_ok(), "{text:?} was refused");
    }
    let Ok(scopes) = Scope::parse_list(text) else {
        return;
    };
    assert!(scopes.len() <= MAX_SCOPES);
    let written: Vec<_> = scopes.iter().map(Scope::to_string).collect();
    for scope in &written {
        assert!(SCOPE.matches(scope), "{scope:?}");
    }
    let written = written.join(" ");
    assert!(written.len() <= text.len());
    assert_eq!(Scope::parse_list(&written), Ok(scopes));
});
