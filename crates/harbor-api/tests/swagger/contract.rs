//! Harbor's swagger, as far as the comparison needs it.

use std::collections::BTreeSet;
use std::path::Path;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The swagger's definitions.
pub(crate) struct Contract {
    definitions: Map<String, Value>,
}

impl Contract {
    /// Reads the swagger beside the checkout; where there is none, says so.
    #[expect(clippy::print_stdout, reason = "a skipped comparison says so")]
    pub(crate) fn load() -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/reference/harbor-api-v2.0-swagger.yaml");
        if !path.exists() {
            println!("skipped: there is no {}", path.display());
            return None;
        }
        let text = std::fs::read_to_string(&path).expect("the swagger is readable");
        let documents = Yaml::load_from_str(&text).expect("the swagger is YAML");
        match to_json(&documents[0])["definitions"].take() {
            Value::Object(definitions) => Some(Self { definitions }),
            other => panic!("the swagger's definitions are {other}"),
        }
    }

    pub(crate) fn properties(&self, definition: &str) -> &Map<String, Value> {
        self.definitions[definition]["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("{definition} has no properties"))
    }

    /// What Harbor sends even when it is empty: its models are generated with `omitempty` but for
    /// `x-omitempty: false` and arrays, and `omitempty` has no effect on a time.
    pub(crate) fn always_sent(&self, definition: &str) -> BTreeSet<String> {
        self.properties(definition)
            .iter()
            .filter(|(_, schema)| {
                let array = schema["type"] == "array" && schema["x-omitempty"] != true;
                let time = schema["format"] == "date-time" && schema["x-nullable"] != true;
                array || time || schema["x-omitempty"] == false
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// How a full sample of the definition differs from it, all the way down.
    pub(crate) fn differences(
        &self,
        definition: &str,
        sample: &Value,
        missing: &[(&str, &str)],
    ) -> Vec<String> {
        let Some(sample) = sample.as_object() else {
            return vec![format!("{definition} is no object")];
        };
        let properties = self.properties(definition);
        let mut differences = Vec::new();
        for name in sample.keys().filter(|name| !properties.contains_key(*name)) {
            differences.push(format!("{definition}.{name} is not in the swagger"));
        }
        for (name, schema) in properties {
            match sample.get(name) {
                Some(value) => {
                    let path = format!("{definition}.{name}");
                    differences.extend(self.mismatches(&path, schema, value, missing));
                }
                None if missing.contains(&(definition, name)) => {}
                None => differences.push(format!("{definition}.{name} is missing")),
            }
        }
        differences
    }

    fn mismatches(
        &self,
        path: &str,
        schema: &Value,
        value: &Value,
        missing: &[(&str, &str)],
    ) -> Vec<String> {
        if let Some(name) = referenced(schema) {
            let definition = &self.definitions[name];
            if definition.get("properties").is_some() {
                return self.differences(name, value, missing);
            }
            return self.mismatches(path, definition, value, missing);
        }
        let fits = match schema["type"].as_str() {
            Some("string") if schema["format"] == "date-time" => {
                value.as_str().is_some_and(is_time)
            }
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.as_array().is_some_and(|items| !items.is_empty()),
            Some("object") => value.as_object().is_some_and(|items| !items.is_empty()),
            other => panic!("{path} has the type {other:?}"),
        };
        if !fits {
            return vec![format!("{path} is {value}, against {schema}")];
        }
        let items: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(items) => items.values().collect(),
            _ => return Vec::new(),
        };
        let item_schema = schema.get("items").or(schema.get("additionalProperties"));
        let Some(item_schema) = item_schema.filter(|item| **item != json!({"type": "object"}))
        else {
            // Harbor declares objects here and sends anything.
            return Vec::new();
        };
        items
            .into_iter()
            .flat_map(|item| self.mismatches(path, item_schema, item, missing))
            .collect()
    }

    /// A value that a property's schema takes, and one that it does not.
    pub(crate) fn right_and_wrong(&self, schema: &Value) -> (Value, Value) {
        let kind = match referenced(schema) {
            Some(name) => &self.definitions[name]["type"],
            None => &schema["type"],
        };
        match kind.as_str() {
            Some("string") => (json!("text"), json!(7)),
            Some("integer") => (json!(7), json!("7")),
            Some("boolean") => (json!(true), json!("true")),
            Some("array") => (json!([]), json!({})),
            Some("object") => (json!({}), json!("text")),
            other => panic!("a property has the type {other:?}"),
        }
    }
}

fn referenced(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

/// RFC 3339 in UTC with milliseconds, the way Harbor writes times.
fn is_time(text: &str) -> bool {
    text.len() == "2023-01-01T00:00:00.000Z".len()
        && text.ends_with('Z')
        && text.as_bytes()[19] == b'.'
        && text.parse::<jiff::Timestamp>().is_ok()
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(items) => items
            .iter()
            .map(|(key, value)| {
                let key = to_json(key);
                let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                (key, to_json(value))
            })
            .collect::<Map<String, Value>>()
            .into(),
        other => panic!("the swagger has {other:?}"),
    }
}
