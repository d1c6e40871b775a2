//! The arithmetic, and the document.

use serde_json::json;

use super::{
    bill::{Bill, Kind},
    measured::{Measured, Requests},
    models::{self, MONTHS},
    page,
};

/// All cases that are needed, each of one unit and request of every kind.
fn ones() -> Measured {
    let names = [
        "user_token",
        "head_tag_first",
        "get_digest",
        "get_blob",
        "blob_absent",
        "push_1mb_patch",
        "push_20mb_patch",
        "push_1mb",
        "push_20mb_redirected",
        "blob_absent_redirected",
        "manifest_new",
        "miss_tag",
        "miss_1mb",
        "miss_20mb",
        "sweep_pushed",
        "sweep_idle",
        "uploads_pushed",
        "uploads_idle",
        "delete",
        "unlink",
        "sweep_deleted",
        "poll",
        "minute",
        "ten_minutes",
    ];
    let cases = names.map(|name| {
        json!({
            "name": name,
            "dynamodb": { "read_units": 1.0, "write_units": 1.0 },
            "s3": {
                "writes": 1, "reads": 1, "deletes": 1, "client_reads": 1, "client_writes": 1,
            },
            "sqs": 1,
        })
    });
    Measured::parse(&json!({ "v": 1, "cases": cases }).to_string()).unwrap()
}

fn assert_dollars(amount: f64, expected: f64) {
    assert!((amount - expected).abs() < 1e-6, "{amount}, not {expected}");
}

fn reads(requests: Requests) -> f64 {
    requests.reads
}

#[test]
fn requests_cost_their_prices() {
    let million = Requests {
        reads: 1e6,
        writes: 1e6,
        s3_writes: 1e6,
        s3_reads: 1e6,
        s3_deletes: 1e6,
        sqs: 1e6,
    };
    let bill = million.bill();
    assert_dollars(bill.of_service("DynamoDB"), 0.125 + 0.625);
    assert_dollars(bill.of_service("S3"), 5.0 + 0.4);
    assert_dollars(bill.of_service("SQS"), 0.4);
    assert_dollars(bill.of(Kind::Requests), 6.55);
    assert_dollars(bill.total(), 6.55);
}

#[test]
fn a_use_case_is_the_sum_of_its_requests() {
    let measured = ones();
    // Token, HEAD, GET and six blobs.
    assert_dollars(reads(models::pull(&measured).unwrap()), 9.0);
    // The client's own GETs count with ours.
    assert_dollars(models::pull(&measured).unwrap().s3_reads, 18.0);
    // Token, six HEADs, six blobs and the manifest; the sweeps' two are what
    // they cost without it.
    assert_dollars(reads(models::push(&measured).unwrap()), 14.0);
    let past = models::push_past(&measured).unwrap();
    assert_dollars(past.reads, 14.0);
    assert_dollars(past.s3_writes, 28.0);
    assert_dollars(reads(models::miss(&measured).unwrap()), 8.0);
    assert_dollars(reads(models::deletion(&measured).unwrap()), 2.0);
    let idle = models::idle(&measured).unwrap();
    assert_dollars(idle.sqs, 2_628_000.0 + 43_800.0 + 4380.0);
}

#[test]
fn a_month_is_the_sum_of_its_lines() {
    let measured = ones();
    let [small, _] = &MONTHS;
    // 0.1 TB and two instances of half a processor and 1 GB, for 730 hours.
    let berth = small.berth(&measured).unwrap();
    assert_dollars(berth.of(Kind::Storage), 2.3 + 0.1 * 1000.0 * 0.0002 * 0.25);
    let hour = 2.0 * (0.5 * 0.032_38 + 0.003_56) + 0.0225 + 0.008;
    assert_dollars(berth.of(Kind::Compute), 730.0 * hour);
    // 3,000 images of 0.1 GB through the load balancer.
    assert_dollars(berth.of(Kind::Transfer), 300.0 * 0.008);
    assert_dollars(small.ecr().total(), 10.0);
    let harbor = small.harbor(&measured).unwrap();
    let hour = 0.1 + 2.0 * 0.0672 + 0.032 + 0.016 + 0.0225 + 0.008;
    assert_dollars(harbor.of(Kind::Compute), 730.0 * hour);
    let disks = 2.0 * 50.0 * 0.08 + 20.0 * 0.115;
    assert_dollars(harbor.of(Kind::Storage), 2.3 + disks);
    let kinds: f64 = Kind::ALL.iter().map(|kind| harbor.of(*kind)).sum();
    let services: f64 = harbor
        .services()
        .into_iter()
        .map(|service| harbor.of_service(service))
        .sum();
    assert_dollars(kinds, harbor.total());
    assert_dollars(services, harbor.total());
}

#[test]
fn bills_add_up_by_service_and_kind() {
    let mut one = Bill::default();
    one.add("S3", Kind::Requests, 1.0);
    one.add("S3", Kind::Storage, 2.0);
    let mut all = Bill::default();
    all.add("S3", Kind::Requests, 4.0);
    all.add_all(&one, 10.0);
    assert_dollars(all.of(Kind::Requests), 14.0);
    assert_dollars(all.of_service("S3"), 34.0);
    assert_eq!(all.services(), ["S3"]);
}

#[test]
fn a_case_that_was_not_counted_is_named() {
    let error = ones().case("other").unwrap_err().to_string();
    assert!(error.contains("`other`"), "{error}");
    assert!(Measured::parse(r#"{"v": 2, "cases": []}"#).is_err());
}

#[test]
fn the_document_shows_what_the_command_prints() {
    let measured = Measured::parse(include_str!("../../../docs/costs.json")).unwrap();
    let document = include_str!("../../../docs/operating.md");
    let shown = &document[page::place(document).unwrap()];
    let printed = page::section(&measured).unwrap();
    assert!(shown == printed, "run `cargo xtask cost --write`");
}
