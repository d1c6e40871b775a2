//! Lists: filter by `q`, order by `sort`, cut out a page, say how many there
//! are.

use std::cmp::Ordering;

use axum::response::Response;
use berth_harbor_api::{ListParameters, Pattern, Value, link};
use http::header::{HeaderName, HeaderValue, LINK};
use serde::Serialize;

use super::Result;
use super::call::{Call, ok, truth};

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// The value of a field that lists can be filtered and ordered by.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Field {
    Text(String),
    Integer(i64),
    Time(jiff::Timestamp),
    Flag(bool),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Something that lists show.
pub(super) trait Listed {
    /// The field of this name, in lower case and without underscores, so that
    /// `project_id` and `ProjectID` are the same. `None` for one that it does
    /// not have; it neither filters nor orders then, as in Harbor.
    fn field(&self, name: &str) -> Option<Field>;
}

/// A page of a list.
pub(super) struct Selected<T> {
    pub(super) items: Vec<T>,
    total: u64,
}

impl Call {
    /// The page of `items` that the request asks for. They come in the order
    /// that counts when the request names none.
    pub(super) fn select<T: Listed>(&self, items: Vec<T>) -> Result<Selected<T>> {
        let parameters = ListParameters::parse(self.query_string())?;
        Ok(select(items, &parameters))
    }

    /// The answer with a page of a list, each item as the API shows it.
    pub(super) fn page<T>(
        &self,
        selected: &Selected<T>,
        shown: impl Serialize,
    ) -> Result<Response> {
        let page = ListParameters::parse(self.query_string())?.page;
        let total = selected.total;
        let mut response = ok(shown);
        let headers = response.headers_mut();
        headers.insert(TOTAL, HeaderValue::from(total));
        let path = self.parts.uri.path();
        if let Some(link) = link(path, self.query_string(), page, total)
            && let Ok(link) = HeaderValue::try_from(link)
        {
            headers.insert(LINK, link);
        }
        Ok(response)
    }
}

fn select<T: Listed>(mut items: Vec<T>, parameters: &ListParameters) -> Selected<T> {
    for term in parameters.query.terms() {
        let name = canonical(&term.field);
        items.retain(|item| {
            item.field(&name)
                .is_none_or(|field| matches(&field, &term.pattern))
        });
    }
    let fields: Vec<_> = parameters.sort.fields.iter().collect();
    for sort in fields.into_iter().rev() {
        let name = canonical(&sort.field);
        items.sort_by(|one, other| {
            let order = one.field(&name).partial_cmp(&other.field(&name));
            let order = order.unwrap_or(Ordering::Equal);
            if sort.descending {
                order.reverse()
            } else {
                order
            }
        });
    }
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    let offset = usize::try_from(parameters.page.offset()).unwrap_or(usize::MAX);
    let size = usize::try_from(parameters.page.page_size()).unwrap_or(usize::MAX);
    let items = items.into_iter().skip(offset).take(size).collect();
    Selected { items, total }
}

fn canonical(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Whether a field is what a pattern of `q` asks for.
pub(super) fn matches(field: &Field, pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Exact(text) => match field {
            Field::Text(value) => value == text,
            Field::Integer(value) => text.parse() == Ok(*value),
            Field::Flag(value) => truth(text) == Some(*value),
            Field::Time(value) => text
                .parse()
                .is_ok_and(|time: jiff::Timestamp| time == *value),
        },
        Pattern::Fuzzy(text) => {
            let value = match field {
                Field::Text(value) => value.clone(),
                Field::Integer(value) => value.to_string(),
                Field::Flag(value) => value.to_string(),
                Field::Time(value) => value.to_string(),
            };
            value.to_lowercase().contains(&text.to_lowercase())
        }
        Pattern::Range { min, max } => {
            let above = |min: &Value| compare(field, min).is_some_and(Ordering::is_ge);
            let below = |max: &Value| compare(field, max).is_some_and(Ordering::is_le);
            min.as_ref().is_none_or(above) && max.as_ref().is_none_or(below)
        }
        Pattern::AnyOf(values) => values.iter().any(|value| equals(field, value)),
        Pattern::AllOf(values) => values.iter().all(|value| equals(field, value)),
    }
}

fn equals(field: &Field, value: &Value) -> bool {
    compare(field, value) == Some(Ordering::Equal)
}

fn compare(field: &Field, value: &Value) -> Option<Ordering> {
    match (field, value) {
        (Field::Text(field), Value::Text(value)) => Some(field.as_str().cmp(value)),
        (Field::Text(field), Value::Integer(value)) => Some(field.cmp(&value.to_string())),
        (Field::Integer(field), Value::Integer(value)) => Some(field.cmp(value)),
        (Field::Time(field), Value::Time(value)) => Some(field.cmp(value)),
        (Field::Flag(field), Value::Text(value)) => Some(field.cmp(&truth(value)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Item(&'static str, i64);

    impl Listed for Item {
        fn field(&self, name: &str) -> Option<Field> {
            match name {
                "name" => Some(self.0.into()),
                "itemid" => Some(Field::Integer(self.1)),
                _ => None,
            }
        }
    }

    fn names(query_string: &str) -> (Vec<&'static str>, u64) {
        let items = vec![Item("a", 1), Item("Ab", 2), Item("b", 3), Item("c", 3)];
        let parameters = ListParameters::parse(query_string).unwrap();
        let selected = select(items, &parameters);
        let names = selected.items.iter().map(|item| item.0).collect();
        (names, selected.total)
    }

    #[test]
    fn q_filters_by_every_kind_of_pattern() {
        assert_eq!(names("q=name=a"), (vec!["a"], 1));
        assert_eq!(names("q=name=~B"), (vec!["Ab", "b"], 2));
        assert_eq!(names("q=item_id=[2~3]"), (vec!["Ab", "b", "c"], 3));
        assert_eq!(names("q=ItemID={1 2}"), (vec!["a", "Ab"], 2));
        assert_eq!(names("q=item_id=(1 2)"), (vec![], 0));
        assert_eq!(names("q=item_id=3,name=c"), (vec!["c"], 1));
    }

    #[test]
    fn sort_orders_by_the_first_field_first() {
        assert_eq!(names("sort=-item_id,-name").0, ["c", "b", "Ab", "a"]);
        assert_eq!(names("sort=-nothing").0, ["a", "Ab", "b", "c"]);
    }

    #[test]
    fn a_page_is_cut_out_and_the_total_is_of_all() {
        assert_eq!(names("page=2&page_size=3"), (vec!["c"], 4));
        assert_eq!(names("page=9"), (vec![], 4));
    }
}
