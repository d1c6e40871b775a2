//! Conditions and updates, written as DynamoDB's expressions. Every name and
//! value goes by a placeholder, so that no attribute's name can be a reserved
//! word.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Attributes, Item, Value};
use super::key::{Key, PARTITION};

/// What a write expects of the record that is there.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// The attribute is there.
    Has(&'static str),
    /// The attribute is not there.
    Lacks(&'static str),
    /// The attribute is there and compares so with the value.
    Compares(&'static str, &'static str, AttributeValue),
    /// Each of these holds.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
}

impl Condition {
    /// There is no record.
    pub(super) const fn absent() -> Self {
        Self::Lacks(PARTITION)
    }

    /// There is a record.
    pub(super) const fn present() -> Self {
        Self::Has(PARTITION)
    }

    /// The attribute has this value; of `None`, it is not there.
    pub(super) fn equal(name: &'static str, value: impl Value) -> Self {
        match value.attribute() {
            Some(value) => Self::Compares(name, "=", value),
            None => Self::Lacks(name),
        }
    }

    /// The attribute is there and less than this value.
    pub(super) fn less(name: &'static str, value: impl Value) -> Self {
        match value.attribute() {
            Some(value) => Self::Compares(name, "<", value),
            None => Self::Lacks(name),
        }
    }

    /// The attribute is there and not greater than this value.
    pub(super) fn at_most(name: &'static str, value: impl Value) -> Self {
        match value.attribute() {
            Some(value) => Self::Compares(name, "<=", value),
            None => Self::Lacks(name),
        }
    }

    /// Both hold.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }

    /// The expression's text.
    pub(super) fn render(&self, placeholders: &mut Placeholders) -> String {
        match self {
            Self::All(conditions) => join(conditions, " AND ", placeholders),
            Self::Any(conditions) => format!("({})", join(conditions, " OR ", placeholders)),
            Self::Has(name) => format!("attribute_exists({})", placeholders.name(name)),
            Self::Lacks(name) => format!("attribute_not_exists({})", placeholders.name(name)),
            Self::Compares(name, operator, value) => {
                let name = placeholders.name(name);
                format!("{name} {operator} {}", placeholders.value(value.clone()))
            }
        }
    }
}

fn join(conditions: &[Condition], word: &str, placeholders: &mut Placeholders) -> String {
    let each = conditions.iter().map(|each| each.render(placeholders));
    each.collect::<Vec<_>>().join(word)
}

/// Changes of some attributes of a record. A record that is not there comes
/// into being, unless a condition says otherwise.
#[derive(Clone, Debug)]
pub(super) struct Update {
    /// Of which record.
    pub(super) key: Key,
    set: Vec<(&'static str, AttributeValue)>,
    remove: Vec<&'static str>,
    add: Vec<(&'static str, i64)>,
}

impl Update {
    /// Changes nothing yet.
    pub(super) const fn of(key: Key) -> Self {
        Self {
            key,
            set: Vec::new(),
            remove: Vec::new(),
            add: Vec::new(),
        }
    }

    /// Sets an attribute; with `None`, removes it.
    #[must_use]
    pub(super) fn set(mut self, name: &'static str, value: impl Value) -> Self {
        match value.attribute() {
            Some(value) => self.set.push((name, value)),
            None => self.remove.push(name),
        }
        self
    }

    /// Adds to a number; a missing one is 0.
    #[must_use]
    pub(super) fn add(mut self, name: &'static str, number: i64) -> Self {
        self.add.push((name, number));
        self
    }

    /// The expression's text.
    pub(super) fn render(&self, placeholders: &mut Placeholders) -> String {
        let mut clauses = Vec::new();
        let mut clause = |word: &str, parts: Vec<String>| {
            if !parts.is_empty() {
                clauses.push(format!("{word} {}", parts.join(", ")));
            }
        };
        let set = self.set.iter().map(|(name, value)| {
            let name = placeholders.name(name);
            format!("{name} = {}", placeholders.value(value.clone()))
        });
        clause("SET", set.collect());
        let remove = self.remove.iter().map(|name| placeholders.name(name));
        clause("REMOVE", remove.collect());
        let add = self.add.iter().map(|(name, number)| {
            let name = placeholders.name(name);
            let number = AttributeValue::N(number.to_string());
            format!("{name} {}", placeholders.value(number))
        });
        clause("ADD", add.collect());
        clauses.join(" ")
    }
}

/// A write, and what it expects.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// What it does.
    pub(super) action: Action,
    /// What it expects.
    pub(super) condition: Option<Condition>,
}

/// What a write does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Puts a record, in place of what is there.
    Put(Item),
    /// Changes a record.
    Update(Update),
    /// Deletes a record.
    Delete(Key),
}

impl Write {
    /// Puts a record, in place of what is there.
    pub(super) const fn put(item: Item) -> Self {
        Self::of(Action::Put(item))
    }

    /// Puts a record where there is none.
    pub(super) const fn create(item: Item) -> Self {
        Self {
            action: Action::Put(item),
            condition: Some(Condition::absent()),
        }
    }

    /// Changes a record.
    pub(super) const fn update(update: Update) -> Self {
        Self::of(Action::Update(update))
    }

    /// Deletes a record; one that is not there is no error.
    pub(super) const fn delete(key: Key) -> Self {
        Self::of(Action::Delete(key))
    }

    const fn of(action: Action) -> Self {
        Self {
            action,
            condition: None,
        }
    }

    /// The same, if the condition holds of what is there.
    #[must_use]
    pub(super) fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(match self.condition {
            Some(earlier) => earlier.and(condition),
            None => condition,
        });
        self
    }
}

/// The names and values of one request's expressions.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    names: HashMap<String, String>,
    values: Attributes,
}

impl Placeholders {
    /// Stands for an attribute's name.
    pub(super) fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().find(|(_, known)| *known == name);
        if let Some((placeholder, _)) = known {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// Stands for a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// As requests take them: none rather than empty.
    pub(super) fn into_maps(self) -> (Option<HashMap<String, String>>, Option<Attributes>) {
        let Self { names, values } = self;
        (
            Some(names).filter(|names| !names.is_empty()),
            Some(values).filter(|values| !values.is_empty()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_with_placeholders() {
        let condition = Condition::equal("state", "live")
            .and(Condition::absent().and(Condition::less("size", 5_i64)));
        let mut placeholders = Placeholders::default();
        assert_eq!(
            condition.render(&mut placeholders),
            "#n0 = :v0 AND attribute_not_exists(#n1) AND #n2 < :v1"
        );
        let (names, values) = placeholders.into_maps();
        assert_eq!(names.unwrap()["#n1"], "pk");
        assert_eq!(values.unwrap()[":v1"], AttributeValue::N("5".to_owned()));
    }

    #[test]
    fn alternatives_stand_together() {
        let free = Condition::Any(vec![Condition::absent(), Condition::at_most("at", 5_i64)]);
        let condition = Condition::equal("id", "a").and(free);
        assert_eq!(
            condition.render(&mut Placeholders::default()),
            "#n0 = :v0 AND (attribute_not_exists(#n1) OR #n2 <= :v1)"
        );
    }

    #[test]
    fn an_update_says_what_is_set_removed_and_added() {
        let update = Update::of(Key::new("a", "b"))
            .set("name", "x")
            .set("token", None::<&str>)
            .add("version", 1)
            .set("size", 3_u64);
        assert_eq!(
            update.render(&mut Placeholders::default()),
            "SET #n0 = :v0, #n1 = :v1 REMOVE #n2 ADD #n3 :v2"
        );
    }

    #[test]
    fn a_name_has_one_placeholder() {
        let mut placeholders = Placeholders::default();
        assert_eq!(placeholders.name("a"), placeholders.name("a"));
    }
}
