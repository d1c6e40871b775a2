//! Who may know whom: the dependency direction of the crates, from
//! `cargo metadata`; and that no test is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of ours that it may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("berth-oci", &[]),
    ("berth-domain", &["oci"]),
    ("berth-ports", &["oci", "domain"]),
    ("berth-service", &["oci", "domain", "ports"]),
    ("berth-jobs", &["oci", "domain", "ports", "service"]),
    ("berth-harbor-api", &[]),
    (
        "berth-http",
        &["oci", "domain", "ports", "service", "harbor-api"],
    ),
    ("berth-settings", &["oci", "domain"]),
    ("berth-host", &["oci", "domain", "ports"]),
    ("berth-store-local", &["oci", "domain", "ports"]),
    ("berth-store-aws", &["oci", "domain", "ports"]),
    ("berth-upstream", &["oci", "domain", "ports"]),
    (
        "berth-wiring",
        &[
            "oci",
            "domain",
            "ports",
            "service",
            "settings",
            "host",
            "store-local",
            "upstream",
        ],
    ),
    ("berth-transfer", &["oci", "domain", "ports", "service"]),
    ("berth-testkit", &["oci", "domain", "ports"]),
    (
        "berth",
        &[
            "oci", "domain", "ports", "service", "jobs", "http", "settings", "wiring", "host",
            "transfer",
        ],
    ),
    ("berth-tests", &[]),
    ("xtask", &[]),
];

/// The crates that know no machine.
const PURE: &[&str] = &[
    "berth-oci",
    "berth-domain",
    "berth-ports",
    "berth-service",
    "berth-jobs",
    "berth-harbor-api",
    "berth-http",
    "berth-settings",
];

/// What a pure crate must not reach, however indirectly.
const MACHINES: &[&str] = &[
    "mio",
    "reqwest",
    "rusqlite",
    "aws-config",
    "aws-smithy-runtime",
    "aws-lc-rs",
    "aws-lc-sys",
    "ring",
    "argon2",
    "jsonwebtoken",
    "rustls",
    "socket2",
    "hyper-util",
];

struct Graph {
    /// Normal dependencies by package id.
    edges: BTreeMap<String, Vec<String>>,
    names: BTreeMap<String, String>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--offline"])
            // What other platforms need may not have been downloaded.
            .args([
                "--filter-platform",
                &format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let is_normal = |dependency: &&Value| {
            dependency["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind["kind"].is_null())
        };
        let edges = metadata["resolve"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| {
                let to = node["deps"].as_array().unwrap().iter().filter(is_normal);
                (
                    text(&node["id"]),
                    to.map(|dependency| text(&dependency["pkg"])).collect(),
                )
            });
        let packages = metadata["packages"].as_array().unwrap();
        Self {
            edges: edges.collect(),
            names: packages
                .iter()
                .map(|p| (text(&p["id"]), text(&p["name"])))
                .collect(),
            members: metadata["workspace_members"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect(),
        }
    }

    fn id(&self, name: &str) -> &str {
        let found = self.members.iter().find(|id| self.names[*id] == name);
        found.unwrap_or_else(|| panic!("no member {name}"))
    }
}

/// The names of all that `cargo tree` reaches from a package for wasm, by its
/// normal dependencies: features are resolved for it alone.
fn reached_on_wasm(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args([
            "--format",
            "{lib}",
            "--target",
            "wasm32-unknown-unknown",
            "--package",
            package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.replace('_', "-")).collect()
}

#[test]
fn every_crate_knows_only_those_below_it() {
    let graph = Graph::read();
    for member in &graph.members {
        let name = &graph.names[member];
        let row = MAY_KNOW.iter().find(|(crate_name, _)| crate_name == name);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{name} is not in the table"));
        for to in graph.edges[member]
            .iter()
            .filter(|to| graph.members.contains(*to))
        {
            let known = graph.names[to].trim_start_matches("berth-");
            assert!(allowed.contains(&known), "{name} must not know {known}");
        }
    }
    for (name, _) in MAY_KNOW {
        graph.id(name);
    }
}

#[test]
fn pure_crates_reach_no_network_database_or_native_cryptography() {
    for package in PURE {
        let reached = reached_on_wasm(package);
        assert!(reached.len() > 3, "cargo tree said nothing of {package}");
        for machine in MACHINES {
            assert!(!reached.contains(*machine), "{package} reaches {machine}");
        }
    }
}

#[test]
fn every_file_of_these_tests_is_compiled_into_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs") else {
            continue;
        };
        let declared = main.lines().any(|line| line == format!("mod {module};"));
        assert!(declared || matches!(module, "main" | "lib"), "{name}");
    }
}
