//! The parameters of lists, and the links between their pages.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use berth_harbor_api::{
    ErrorCode, ListParameters, Page, ParameterError, Pattern, Query, Sort, Value, link,
};
use proptest::prelude::*;

fn pattern(q: &str) -> Pattern {
    let query = Query::parse(q).unwrap();
    assert_eq!(query.terms().len(), 1, "{q}");
    query.terms()[0].pattern.clone()
}

fn time(text: &str) -> Value {
    Value::Time(text.parse().unwrap())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn exact(value: &str) -> Pattern {
    Pattern::Exact(value.to_owned())
}

fn page(page: &str, page_size: &str) -> Page {
    Page::parse(Some(page), Some(page_size)).unwrap()
}

#[test]
fn a_term_is_exact_unless_its_value_starts_otherwise() {
    assert_eq!(pattern("name=library"), exact("library"));
    assert_eq!(pattern("name=a=b"), exact("a=b"));
    assert_eq!(pattern("tags=*"), exact("*"));
    assert_eq!(pattern("name=~lib"), Pattern::Fuzzy("lib".to_owned()));
}

#[test]
fn a_backslash_makes_an_exact_value_literal() {
    assert_eq!(pattern(r"name=\~lib"), exact("~lib"));
    assert_eq!(pattern(r"name=\\lib"), exact(r"\lib"));
}

#[test]
fn a_range_may_be_open_at_one_end() {
    let range = |min, max| Pattern::Range { min, max };
    assert_eq!(
        pattern("id=[1~5]"),
        range(Some(Value::Integer(1)), Some(Value::Integer(5)))
    );
    assert_eq!(pattern("id=[ ~ 5]"), range(None, Some(Value::Integer(5))));
    assert_eq!(pattern("name=['a'~]"), range(Some(text("a")), None));
}

#[test]
fn a_range_takes_times_in_both_of_the_documented_forms() {
    let expected = Pattern::Range {
        min: Some(time("2020-04-09T02:36:00Z")),
        max: Some(time("2020-04-10T00:00:00.5Z")),
    };
    assert_eq!(
        pattern("creation_time=[2020-04-09 02:36:00~2020-04-10T00:00:00.5]"),
        expected
    );
}

#[test]
fn what_is_only_like_a_time_or_an_integer_is_text() {
    for value in [
        "2020-04-09",
        "2020-04-09T02:36",
        "2020-13-09T02:36:00",
        "2020-04-09T02:36:00Z",
        "2020-04-09T02:36:00.",
        "1.5",
        "99999999999999999999",
    ] {
        assert_eq!(
            pattern(&format!("name={{{value}}}")),
            Pattern::AnyOf(vec![text(value)])
        );
    }
    assert_eq!(
        pattern("name={\"12\"}"),
        Pattern::AnyOf(vec![text("12")]),
        "quotes make text of an integer"
    );
}

#[test]
fn lists_are_split_at_spaces() {
    assert_eq!(
        pattern("name={a  'b' 3}"),
        Pattern::AnyOf(vec![text("a"), text("b"), Value::Integer(3)])
    );
    assert_eq!(
        pattern("labels=(1 2)"),
        Pattern::AllOf(vec![Value::Integer(1), Value::Integer(2)])
    );
    assert_eq!(pattern("name={}"), Pattern::AnyOf(Vec::new()));
}

#[test]
fn terms_are_separated_by_commas_and_the_later_of_two_about_one_field_holds() {
    let query = Query::parse("name=a,public=true,name=b").unwrap();
    assert_eq!(query.terms().len(), 2);
    assert_eq!(query.pattern("name"), Some(&exact("b")));
    assert_eq!(query.pattern("public"), Some(&exact("true")));
    assert_eq!(query.pattern("owner"), None);
}

#[test]
fn a_query_is_decoded_once_more_than_its_url() {
    assert_eq!(pattern("tags%3Dnil"), exact("nil"));
    assert_eq!(pattern("name=a+b%2Bc"), exact("a b+c"));
    assert_eq!(pattern("name=100%"), exact("100%"));
}

#[test]
fn a_query_that_cannot_be_taken_says_why() {
    let refused = |q: &str| {
        let error = Query::parse(q).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadRequest, "{q}");
        error
    };
    for q in ["name", "name=", "=a", "a=b,", ",", " "] {
        assert_eq!(refused(q), ParameterError::NotATerm, "{q}");
    }
    for q in ["n=[1]", "n=[1~2", "n=[~]", "n=[1~2~3]", "n=["] {
        assert_eq!(refused(q), ParameterError::NotARange("n".to_owned()), "{q}");
    }
    for q in ["n={a", "n=(a}", "n={", "n=("] {
        assert_eq!(
            refused(q),
            ParameterError::UnclosedList("n".to_owned()),
            "{q}"
        );
    }
    assert_eq!(refused("n=~"), ParameterError::EmptyFuzzy("n".to_owned()));
}

#[test]
fn what_a_query_can_grow_has_a_limit() {
    let long = format!("name={}", "a".repeat(4096));
    let terms: Vec<String> = (0..33).map(|at| format!("f{at}=v")).collect();
    let values = format!("id={{{}}}", "1 ".repeat(257));
    for q in [long, terms.join(","), values] {
        let error = Query::parse(&q).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadRequest, "{error}");
    }
    let sort = "a,".repeat(17);
    assert!(Sort::parse(&sort).is_err());
    assert!(Sort::parse(&"a".repeat(513)).is_err());
}

#[test]
fn a_dash_sorts_in_descending_order() {
    let sort = Sort::parse("name,-creation_time,").unwrap();
    let fields: Vec<(&str, bool)> = sort
        .fields
        .iter()
        .map(|field| (field.field.as_str(), field.descending))
        .collect();
    assert_eq!(fields, [("name", false), ("creation_time", true)]);
}

#[test]
fn pages_start_at_one_and_have_ten_items_by_default() {
    let default = Page::parse(None, None).unwrap();
    assert_eq!(default, Page::default());
    assert_eq!((default.page(), default.page_size()), (1, 10));
    assert_eq!(page("3", "20").offset(), 40);
}

#[test]
fn a_page_below_one_is_the_first() {
    assert_eq!(page("0", "10").page(), 1);
    assert_eq!(page("-7", "10").page(), 1);
}

#[test]
fn a_page_size_below_one_is_the_largest() {
    assert_eq!(page("1", "0").page_size(), 100);
    assert_eq!(page("1", "-1").page_size(), 100);
}

#[test]
fn a_page_that_the_swagger_rules_out_is_unprocessable() {
    for (number, size) in [
        ("1", "101"),
        ("one", "10"),
        ("1", "1e1"),
        ("9223372036854775808", "1"),
    ] {
        let error = Page::parse(Some(number), Some(size)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnprocessableEntity, "{error}");
    }
}

#[test]
fn the_last_page_there_can_be_overflows_nothing() {
    let last = page("9223372036854775807", "100");
    assert_eq!(last.offset(), u64::MAX);
    assert_eq!(link("/projects", "", last, 5), None);
}

#[test]
fn list_parameters_come_out_of_the_query_string() {
    let parameters = ListParameters::parse(
        "q=name%3D~lib+rary&with_detail=true&page=1&sort=-name&page=2&page_size=",
    )
    .unwrap();
    assert_eq!(
        parameters.query.pattern("name"),
        Some(&Pattern::Fuzzy("lib rary".to_owned()))
    );
    assert!(parameters.sort.fields[0].descending);
    assert_eq!(parameters.page, page("2", "10"));
    assert_eq!(
        ListParameters::parse("").unwrap(),
        ListParameters::default()
    );
}

#[test]
fn a_middle_page_links_to_both_sides_with_the_other_parameters() {
    let header = link(
        "/api/v2.0/projects",
        "page=2&q=name%3D~a&page_size=5&sort=-name",
        page("2", "5"),
        11,
    );
    assert_eq!(
        header.as_deref(),
        Some(
            "</api/v2.0/projects?q=name%3D~a&sort=-name&page=1&page_size=5>; rel=\"prev\" , \
             </api/v2.0/projects?q=name%3D~a&sort=-name&page=3&page_size=5>; rel=\"next\""
        )
    );
}

#[test]
fn the_ends_of_a_list_link_only_inwards() {
    let first = link("/p", "", page("1", "5"), 6);
    assert_eq!(
        first.as_deref(),
        Some("</p?page=2&page_size=5>; rel=\"next\"")
    );
    let last = link("/p", "page=2&page_size=5", page("2", "5"), 6);
    assert_eq!(
        last.as_deref(),
        Some("</p?page=1&page_size=5>; rel=\"prev\"")
    );
    assert_eq!(link("/p", "", page("1", "6"), 6), None);
    assert_eq!(link("/p", "", page("1", "5"), 0), None);
}

#[test]
fn a_link_holds_nothing_that_ends_it_early() {
    let header = link("/p", "q=a=1,b=\"><;\r\nx&p%61ge=9", page("1", "5"), 6).unwrap();
    assert_eq!(
        header,
        "</p?q=a=1%2Cb=%22%3E%3C%3B%0D%0Ax&page=2&page_size=5>; rel=\"next\""
    );
}

/// Text that is like a query, so that more than refusals is tried.
fn like_a_query() -> impl Strategy<Value = String> {
    let term = r#"[a-z_]{1,3}=(~|\[|\{|\(|\\)?["' ~0-9a-zé%+&=\-T:.]{0,12}(\]|\}|\))?"#;
    proptest::collection::vec(term, 1..4).prop_map(|terms| terms.join(","))
}

proptest! {
    #[test]
    fn parsing_never_panics(q in any::<String>(), query_string in any::<String>()) {
        let _ = Query::parse(&q);
        let _ = Sort::parse(&q);
        let _ = Page::parse(Some(&q), Some(&query_string));
        let _ = ListParameters::parse(&query_string);
        let _ = link(&q, &query_string, Page::default(), 11);
    }

    #[test]
    fn a_query_displays_as_one_that_parses_to_it(q in like_a_query()) {
        if let Ok(query) = Query::parse(&q) {
            prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
        }
    }

    #[test]
    fn a_time_displays_as_one_that_parses_to_it(
        second in -62_000_000_000_i64..250_000_000_000,
        fraction in 0_i32..1_000_000_000,
    ) {
        let time = jiff::Timestamp::new(second, if second < 0 { 0 } else { fraction }).unwrap();
        let q = format!("t=[{}~]", time.strftime("%Y-%m-%dT%H:%M:%S%.f"));
        let query = Query::parse(&q).unwrap();
        prop_assert_eq!(
            query.pattern("t"),
            Some(&Pattern::Range { min: Some(Value::Time(time)), max: None })
        );
        prop_assert_eq!(query.to_string(), q);
    }

    #[test]
    fn following_next_links_visits_every_page(total in 0_u64..1000, size in 1_u32..=100) {
        let mut page = Page::parse(None, Some(&size.to_string())).unwrap();
        let mut seen = total.min(u64::from(size));
        while let Some(header) = link("/p", "", page, total)
            && let Some(next) = header.split(" , ").find(|link| link.contains("rel=\"next\""))
        {
            let query_string = next
                .strip_prefix("</p?")
                .and_then(|rest| rest.split_once('>'))
                .map(|(query_string, _)| query_string)
                .unwrap();
            page = ListParameters::parse(query_string).unwrap().page;
            seen += (total - page.offset()).min(u64::from(size));
        }
        prop_assert_eq!(seen, total);
    }
}
