//! Which test shows which requirement of the spec: `requirements.txt`.

use std::collections::{BTreeMap, BTreeSet};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The files that a requirement's tests may be in.
const SOURCES: &[&str] = &[
    include_str!("api.rs"),
    include_str!("chunks.rs"),
    include_str!("deletion.rs"),
    include_str!("manifests.rs"),
    include_str!("mount.rs"),
    include_str!("pull.rs"),
    include_str!("push.rs"),
    include_str!("referrers.rs"),
    include_str!("subject.rs"),
    include_str!("tags.rs"),
    include_str!("../bad_input.rs"),
    include_str!("../bad_input/uploads.rs"),
];

/// Why a requirement has no test, as the head of the table explains it.
const WITHOUT_TEST: [&str; 2] = ["@client", "@disabled"];

/// The longer one first, since the other is its beginning.
const KEYWORDS: [&str; 4] = ["MUST NOT", "MUST", "SHOULD NOT", "SHOULD"];

type Counts<'a> = BTreeMap<&'a str, usize>;

struct Section<'a> {
    title: &'a str,
    /// How often the spec has each keyword there.
    counts: Counts<'a>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    line: usize,
    keyword: &'a str,
    shown_by: Vec<&'a str>,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("# ")) {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(section(heading));
        } else {
            sections.last_mut().unwrap().rows.push(row(number, line));
        }
    }
    sections
}

fn section(heading: &str) -> Section<'_> {
    let (title, counts) = heading.split_once(": ").unwrap();
    let counts = counts.split(", ").map(|part| {
        let (number, keyword) = part.split_once(' ').unwrap();
        (keyword, number.parse().unwrap())
    });
    Section {
        title,
        counts: counts.collect(),
        rows: Vec::new(),
    }
}

fn row(line: usize, text: &str) -> Row<'_> {
    let keyword = KEYWORDS
        .into_iter()
        .find(|keyword| text.starts_with(keyword));
    let keyword = keyword.unwrap_or_else(|| panic!("line {line} has no keyword"));
    let (_, shown_by) = text.split_once(" -> ").unwrap_or((text, ""));
    let shown_by = shown_by
        .split(", ")
        .filter(|name| !name.is_empty())
        .collect();
    Row {
        line,
        keyword,
        shown_by,
    }
}

/// The names of the tests in a file.
fn tests(source: &str) -> BTreeSet<&str> {
    let mut lines = source.lines();
    let mut names = BTreeSet::new();
    while let Some(line) = lines.next() {
        if line.trim().starts_with("#[tokio::test") {
            let function = lines
                .next()
                .and_then(|line| line.trim().strip_prefix("async fn "));
            names.extend(function.and_then(|function| function.split('(').next()));
        }
    }
    names
}

/// What is wrong with a table.
fn faults(table: &str, tests: &BTreeSet<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    for section in sections(table) {
        let mut counts = Counts::new();
        for row in &section.rows {
            *counts.entry(row.keyword).or_default() += 1;
            if row.shown_by.is_empty() {
                faults.push(format!("line {} has no test", row.line));
            }
            for name in &row.shown_by {
                if !tests.contains(name) && !WITHOUT_TEST.contains(name) {
                    faults.push(format!("line {}: there is no test {name}", row.line));
                }
            }
        }
        if counts != section.counts {
            let Section {
                title,
                counts: expected,
                ..
            } = section;
            faults.push(format!("{title} has {counts:?}, the spec has {expected:?}"));
        }
    }
    faults
}

#[test]
fn every_requirement_of_the_spec_has_its_test() {
    let tests: BTreeSet<_> = SOURCES.iter().copied().flat_map(tests).collect();
    assert_eq!(faults(REQUIREMENTS, &tests), Vec::<String>::new());
    let rows: usize = sections(REQUIREMENTS)
        .iter()
        .map(|section| section.rows.len())
        .sum();
    assert!(rows > 150, "only {rows} rows were read");
}

#[test]
fn a_requirement_without_a_test_is_found() {
    let tests = BTreeSet::from(["a_test"]);
    let sound = "## A: 1 MUST, 1 SHOULD NOT\nMUST a -> a_test\nSHOULD NOT b -> @client\n";
    assert_eq!(faults(sound, &tests), Vec::<String>::new());
    for broken in [
        sound.replace(" -> a_test", ""),
        sound.replace("a_test", "another_test"),
        sound.replace("@client", "@nobody"),
        sound.replace("1 MUST", "2 MUST"),
        sound.replace("SHOULD NOT b -> @client\n", ""),
        sound.replace("SHOULD NOT b", "SHOULD b"),
    ] {
        assert_eq!(faults(&broken, &tests).len(), 1, "{broken}");
    }
}
