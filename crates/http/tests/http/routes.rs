//! The golden lists: every route with its rule, and what is missing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use berth_http::rules;
use http::StatusCode;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::berth::Berth;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// Compares with a kept list; with `BERTH_UPDATE_GOLDEN` set, keeps this one.
fn assert_kept(name: &str, found: &str) {
    let path = golden(name);
    if std::env::var_os("BERTH_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found,
        kept,
        "{} differs: read what changed, then run the test with BERTH_UPDATE_GOLDEN=1",
        path.display()
    );
}

#[test]
fn every_route_has_the_rule_that_was_agreed() {
    let mut lines = String::new();
    for (route, rule) in rules() {
        writeln!(lines, "{:<24} {route}", rule.to_string()).unwrap();
    }
    assert_kept("routes.txt", &lines);
}

/// The swagger's operations as `METHOD /path`; `None` where there is none.
#[expect(clippy::print_stdout, reason = "a skipped comparison says so")]
fn swagger_operations() -> Option<BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/harbor-api-v2.0-swagger.yaml");
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let paths = documents[0]
        .as_mapping_get("paths")
        .unwrap()
        .as_mapping()
        .unwrap();
    let mut operations = BTreeSet::new();
    for (path, methods) in paths {
        let path = path.as_str().unwrap();
        for method in methods.as_mapping().unwrap().keys() {
            let method = method.as_str().unwrap().to_uppercase();
            if method != "PARAMETERS" {
                operations.insert(format!("{method} /api/v2.0{path}"));
            }
        }
    }
    Some(operations)
}

#[test]
fn the_list_of_missing_operations_only_shrinks() {
    let Some(operations) = swagger_operations() else {
        return;
    };
    let there: BTreeSet<String> = rules().into_iter().map(|(route, _)| route).collect();
    let missing: Vec<_> = operations.difference(&there).map(String::as_str).collect();
    let kept = std::fs::read_to_string(golden("missing-operations.txt")).unwrap_or_default();
    let kept: BTreeSet<&str> = kept.lines().collect();
    let lost: Vec<_> = missing
        .iter()
        .filter(|line| !kept.contains(*line))
        .collect();
    let first = kept.is_empty();
    assert!(
        first || lost.is_empty(),
        "these operations were there before: {lost:#?}"
    );
    assert_kept(
        "missing-operations.txt",
        &format!("{}\n", missing.join("\n")),
    );
}

#[test]
fn every_route_of_the_api_is_the_swaggers() {
    let Some(operations) = swagger_operations() else {
        return;
    };
    let strangers: Vec<_> = rules()
        .into_iter()
        .map(|(route, _)| route)
        .filter(|route| route.contains(" /api/v2.0/") && !operations.contains(route))
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_gets_through_a_route_that_asks_for_a_login() {
    let berth = Berth::start().await;
    for (route, rule) in rules() {
        let open = ["anyone", "filtered"].contains(&rule.to_string().as_str());
        let Some((method, path)) = route.split_once(" /api/v2.0").filter(|_| !open) else {
            continue;
        };
        let path = path
            .replace("{user_id}", "1")
            .replace("{project_name_or_id}", "no-such-project")
            .replace("{project_name}", "no-such-project");
        let answer = berth
            .send("", &format!("{method} {path}"), Value::Null)
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{route}: {answer}");
    }
}
