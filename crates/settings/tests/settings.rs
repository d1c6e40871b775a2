//! The behaviour of all sources together.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::Duration;

use berth_settings::{
    ConfigFile, KEYS, Key, Kind, Settings, SettingsError, Sources, Topic, resolve,
};

fn flag(name: &str, values: &[&str]) -> Sources {
    let key = KEYS
        .iter()
        .find(|key| key.flag().as_deref() == Some(name))
        .unwrap();
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Sources {
        flags: vec![(key, values)],
        ..Sources::default()
    }
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    Sources {
        environment: variables.iter().map(owned).collect(),
        ..Sources::default()
    }
}

fn file(text: &str) -> Sources {
    let file = ConfigFile {
        path: "berth.toml".into(),
        text: text.to_owned(),
    };
    Sources {
        file: Some(file),
        ..Sources::default()
    }
}

fn settings(sources: &Sources) -> Settings {
    resolve(sources).unwrap().settings
}

fn refusal(sources: &Sources) -> String {
    resolve(sources).unwrap_err().to_string()
}

#[test]
fn a_flag_counts_more_than_the_environment_that_more_than_the_file_that_more_than_the_default() {
    let seconds = |sources: &Sources| settings(sources).tag_freshness.as_secs();
    let mut sources = Sources::default();
    assert_eq!(seconds(&sources), 60);
    sources.file = file("tag_freshness_seconds = 1").file;
    assert_eq!(seconds(&sources), 1);
    sources.environment = environment(&[("BERTH_TAG_FRESHNESS_SECONDS", "2")]).environment;
    assert_eq!(seconds(&sources), 2);
    sources.flags = flag("--tag-freshness-seconds", &["3"]).flags;
    assert_eq!(seconds(&sources), 3);
}

/// What a key needs beside it.
fn partners(key: &Key) -> &'static [(&'static str, &'static str)] {
    match key.name {
        "tls_cert" => &[("BERTH_TLS_KEY", "a")],
        "tls_key" => &[("BERTH_TLS_CERT", "a")],
        "dockerhub_username" => &[("BERTH_DOCKERHUB_TOKEN_FILE", "a")],
        "dockerhub_token_file" => &[("BERTH_DOCKERHUB_USERNAME", "a")],
        "sealing_key_kms" => &[("BERTH_STORE", "aws"), ("BERTH_BUCKET", "a")],
        _ if key.topic == Topic::Aws => &[
            ("BERTH_STORE", "aws"),
            ("BERTH_BUCKET", "a"),
            ("BERTH_SEALING_KEY_FILE", "a"),
        ],
        _ => &[],
    }
}

#[test]
fn every_key_has_one_meaning_in_all_three_sources() {
    let aws = partners(KEYS.iter().find(|key| key.topic == Topic::Aws).unwrap());
    for key in KEYS {
        let value = match key.name {
            "data" | "admin_password" | "admin_password_file" | "log" => "elsewhere",
            "store" => continue,
            "listen" | "metrics_listen" => "[::1]:1",
            "mirror" => "ghcr.io=[::1]:1",
            "external_url" | "advertise" => "https://r.test",
            "trusted_proxies" => "10.0.0.0/8",
            "bucket_prefix" => "a/",
            "redirect" => "false",
            "log_format" => "json",
            name if name.ends_with("_endpoint") => "https://s3.test",
            _ if key.kind == Kind::Switch => "true",
            _ => "77",
        };
        let toml = match key.kind {
            Kind::List => format!("[\"{value}\"]"),
            Kind::Number | Kind::Switch => value.to_owned(),
            Kind::Text | Kind::Secret => format!("\"{value}\""),
        };
        let beside = |mut sources: Sources| {
            let others = partners(key).iter();
            let others = others.filter(|(name, _)| *name != key.variable());
            let owned = others.map(|&(name, value)| (name.to_owned(), value.to_owned()));
            sources.environment.extend(owned);
            settings(&sources)
        };
        let by_file = beside(file(&format!("{} = {toml}", key.name)));
        let by_variable = beside(environment(&[(&key.variable(), value)]));
        let defaults = if key.topic == Topic::Aws { aws } else { &[] };
        let defaults = settings(&environment(defaults));
        assert_ne!(by_file, defaults, "{} changes something", key.name);
        assert_eq!(by_file, by_variable, "{}", key.name);
        if let Some(name) = key.flag() {
            assert_eq!(by_file, beside(flag(&name, &[value])), "{}", key.name);
        }
    }
}

#[test]
fn the_store_on_aws_needs_a_bucket_and_a_sealing_key() {
    let store = ("BERTH_STORE", "aws");
    insta::assert_snapshot!(
        refusal(&environment(&[store])),
        @"store = aws is set without bucket, set both or none"
    );
    insta::assert_snapshot!(
        refusal(&environment(&[store, ("BERTH_BUCKET", "a")])),
        @"store = aws is set with neither sealing_key_file nor sealing_key_kms, set one of them"
    );
    insta::assert_snapshot!(
        refusal(&environment(&[
            store,
            ("BERTH_BUCKET", "a"),
            ("BERTH_SEALING_KEY_FILE", "a"),
            ("BERTH_SEALING_KEY_KMS", "alias/a"),
        ])),
        @"sealing_key_file and sealing_key_kms are both set, set one of them"
    );
}

#[test]
fn an_endpoint_is_a_url_without_a_login() {
    for text in [
        "s3.test",
        "https://",
        "ftp://s3.test",
        "https://a:b@s3.test",
    ] {
        let mut sources = environment(&[("BERTH_S3_ENDPOINT", text)]);
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let aws = KEYS.iter().find(|key| key.topic == Topic::Aws).unwrap();
        sources.environment.extend(partners(aws).iter().map(owned));
        assert!(resolve(&sources).is_err(), "{text}");
    }
}

#[test]
fn a_list_is_an_array_a_repeated_flag_or_has_commas() {
    let expected = ["127.0.0.1:1", "unix:/a"];
    for sources in [
        file(r#"listen = ["127.0.0.1:1", "unix:/a"]"#),
        environment(&[("BERTH_LISTEN", "127.0.0.1:1, unix:/a")]),
        flag("--listen", &["127.0.0.1:1", "unix:/a"]),
    ] {
        let listen = settings(&sources).listen;
        assert_eq!(
            listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
    insta::assert_snapshot!(
        refusal(&file("data = \"x\"\n\nlisten_on = []")),
        @"listen_on (berth.toml, line 3) is no setting, perhaps listen is meant, `berth config` lists them all"
    );
    insta::assert_snapshot!(refusal(&file("[server]\nlisten = []")), @"server (berth.toml, line 1) is no setting, `berth config` lists them all");
    insta::assert_snapshot!(refusal(&environment(&[("BERTH_LISTNE", "x")])), @"environment variable BERTH_LISTNE is no setting, perhaps BERTH_LISTEN is meant, `berth config` lists them all");
    insta::assert_snapshot!(refusal(&environment(&[("BERTH_XYZZY", "")])), @"environment variable BERTH_XYZZY is no setting, `berth config` lists them all");
}

#[test]
fn variables_of_others_and_those_set_to_nothing_do_not_count() {
    let sources = environment(&[("PATH", "/bin"), ("BERTHA", "x"), ("BERTH_LOG", "")]);
    assert_eq!(settings(&sources), settings(&Sources::default()));
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_place() {
    insta::assert_snapshot!(refusal(&file("\nlisten = \"127.0.0.1:5000\"")), @r#"listen (berth.toml, line 2) must be an array of texts, as in ["one", "two"]"#);
    insta::assert_snapshot!(refusal(&file("tag_freshness_seconds = \"60\"")), @"tag_freshness_seconds (berth.toml, line 1) must be a decimal number without quotes");
    insta::assert_snapshot!(refusal(&file("data = \"x\"\ndata = \"y\"")), @"berth.toml, line 2: duplicate key");
    insta::assert_snapshot!(refusal(&environment(&[("BERTH_LISTEN", "localhost")])), @r#"listen (BERTH_LISTEN) is "localhost", write it as 127.0.0.1:5000, [::1]:5000 or unix:/path"#);
    insta::assert_snapshot!(refusal(&environment(&[("BERTH_UPSTREAM_DEADLINE_MS", "-1")])), @r#"upstream_deadline_ms (BERTH_UPSTREAM_DEADLINE_MS) is "-1", it can be a whole number from 1 to 60000"#);
    insta::assert_snapshot!(refusal(&flag("--log-format", &["xml"])), @r#"log_format (--log-format) is "xml", it can be human, json or auto"#);
    insta::assert_snapshot!(refusal(&flag("--external-url", &["https://r.test/v2"])), @r#"external_url (--external-url) is "https://r.test/v2", write it as https://registry.example.com, without a path"#);
    insta::assert_snapshot!(refusal(&flag("--listen", &[""])), @r#"listen (--listen) is "", write it as 127.0.0.1:5000, [::1]:5000 or unix:/path"#);
}

#[test]
fn keys_that_belong_together_are_set_together() {
    let one = environment(&[("BERTH_TLS_CERT", "a.pem")]);
    assert_eq!(
        resolve(&one).unwrap_err(),
        SettingsError::Incomplete {
            given: "tls_cert",
            missing: "tls_key"
        }
    );
    let two = environment(&[
        ("BERTH_ADMIN_PASSWORD", "a"),
        ("BERTH_ADMIN_PASSWORD_FILE", "b"),
    ]);
    assert_eq!(
        resolve(&two).unwrap_err(),
        SettingsError::Exclusive("admin_password", "admin_password_file")
    );
}

#[test]
fn a_password_in_secrets_manager_is_the_only_one_and_of_the_store_on_aws() {
    let secret = ("BERTH_ADMIN_PASSWORD_SECRET", "a");
    insta::assert_snapshot!(
        refusal(&environment(&[secret])),
        @"admin_password_secret is set without store = aws, set both or none"
    );
    insta::assert_snapshot!(
        refusal(&environment(&[
            secret,
            ("BERTH_STORE", "aws"),
            ("BERTH_BUCKET", "a"),
            ("BERTH_SEALING_KEY_FILE", "a"),
            ("BERTH_ADMIN_PASSWORD", "b"),
        ])),
        @"admin_password and admin_password_secret are both set, set one of them"
    );
}

#[test]
fn an_empty_list_of_addresses_is_refused() {
    insta::assert_snapshot!(refusal(&file("listen = []")), @"listen (berth.toml, line 1) needs a value");
}

#[test]
fn what_is_printed_is_a_file_with_the_same_meaning() {
    let mut sources = environment(&[
        ("BERTH_DATA", "/a \"b\""),
        ("BERTH_MIRROR", "ghcr.io=[::1]:2"),
    ]);
    sources.flags = flag("--tag-freshness-seconds", &["5"]).flags;
    let effective = resolve(&sources).unwrap();
    assert_eq!(settings(&file(&effective.to_toml())), effective.settings);
    assert_eq!(effective.settings.tag_freshness, Duration::from_secs(5));
}

#[test]
fn what_is_printed_names_each_source_and_hides_secrets() {
    let mut sources = environment(&[("BERTH_ADMIN_PASSWORD", "Secret12345")]);
    sources.file = file("log = \"debug\"").file;
    sources.flags = flag("--data", &["/srv/berth"]).flags;
    let text = resolve(&sources).unwrap().to_toml();
    assert!(!text.contains("Secret12345"));
    let lines: Vec<_> = text
        .lines()
        .filter(|l| {
            ["data", "log =", "# admin_password is"]
                .iter()
                .any(|p| l.starts_with(p))
        })
        .collect();
    assert_eq!(
        lines,
        [
            "data = \"/srv/berth\" # --data",
            "# admin_password is set and hidden (BERTH_ADMIN_PASSWORD)",
            "log = \"debug\" # berth.toml, line 1",
        ]
    );
}
