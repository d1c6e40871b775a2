//! What `docs/operating.md` and the terminal show.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use crate::cost::{
    assumptions as assumed,
    bill::{Bill, Kind},
    measured::Measured,
    models::{self, MONTHS, Month},
    prices::{self, Source},
};

/// What the section in the document begins with.
const HEADING: &str = "## What it costs\n";
/// What it is of, and what made it.
const INTRODUCTION: &str = "
Dollars in us-east-1, on demand and without free tiers: what [costs.json](costs.json) has, which tests count over emulators, times prices. `cargo xtask cost` prints this with every price and assumption; `cargo xtask cost --write` puts it here. Prices of DynamoDB, S3, SQS, Lambda and transfer are from notes, all others are assumed; none was taken from AWS for this: check them before you rely on them. NAT gateways, logs, backups, scans and people are not in it.
";
const MILLION: f64 = 1_000_000.0;

/// The section.
pub(crate) fn section(measured: &Measured) -> Result<String> {
    let mut text = format!("{HEADING}{INTRODUCTION}");
    text += &requests(measured)?;
    text += &transfer();
    text += &storage();
    text += &months(measured)?;
    Ok(text)
}

/// The section's place in the document.
pub(crate) fn place(document: &str) -> Result<std::ops::Range<usize>> {
    let start = document.find(HEADING);
    let start = start.context("docs/operating.md has no section `What it costs`")?;
    let behind = start + HEADING.len();
    let length = document[behind..].find("\n## ");
    let end = length.map_or(document.len(), |length| behind + length);
    Ok(start..end)
}

/// What a million of each use case asks of the services.
fn requests(measured: &Measured) -> Result<String> {
    let idle = models::idle(measured)?.bill();
    let mut text = "
| requests of | DynamoDB | S3 | SQS | together |
|---|--:|--:|--:|--:|
"
    .to_owned();
    let rows = [
        ("a million pulls of an image", models::pull(measured)?),
        (
            "a million pushes of one that is new",
            models::push(measured)?,
        ),
        (
            "the same where clients put the layers to S3",
            models::push_past(measured)?,
        ),
        (
            "a million pulls that a cache has nothing of",
            models::miss(measured)?,
        ),
        ("a million deletions, swept", models::deletion(measured)?),
    ];
    let rows = rows.map(|(name, requests)| (name, requests.times(MILLION).bill()));
    let idle = [("an idle instance, a month", idle)];
    for (name, bill) in rows.iter().chain(&idle) {
        let [dynamodb, s3, sqs] =
            ["DynamoDB", "S3", "SQS"].map(|service| dollars(bill.of_service(service)));
        let all = dollars(bill.total());
        writeln!(text, "| {name} | {dynamodb} | {s3} | {sqs} | {all} |")?;
    }
    let functions = dollars(models::functions() * MILLION);
    writeln!(
        text,
        "
An image is a manifest, a config and {layers} layers of 20 MB; a pull is one with a token by tag, whose blobs the client gets from S3. A push through us sends each blob by POST, PATCH and PUT, which takes the most requests. Compute is not in it: it is there whether used or not, see below. Were a pull's {http} requests answered by functions, which are not there yet, a million would be {functions} more, at {time:.0} ms and {memory:.0} MB each, which is assumed.",
        layers = assumed::LAYERS.value,
        http = assumed::HTTP_PULL.value,
        time = assumed::FUNCTION_SECONDS.value * 1000.0,
        memory = assumed::FUNCTION_MEMORY.value * 1000.0,
    )?;
    Ok(text)
}

/// What it costs that bytes leave.
fn transfer() -> String {
    let gigabytes = MILLION * assumed::IMAGE.value;
    let [region, internet, front] = [
        &prices::TRANSFER_REGION,
        &prices::TRANSFER_INTERNET,
        &prices::TRANSFER_CLOUDFRONT,
    ]
    .map(|price| dollars(price.of(gigabytes)));
    let passed_on = dollars(models::passed_on(MILLION));
    format!(
        "
| transfer of a million images, {terabytes} TB | |
|---|--:|
| pulled within the region | {region} |
| pulled from the internet | {internet} |
| pulled from the internet through CloudFront | {front} |
| pushed through a load balancer, or fetched by a cache behind it | {passed_on} |

Pulls cost the same whoever keeps the images. Larger amounts are cheaper, and CloudFront has plans of one price for much of it.
",
        terabytes = gigabytes / assumed::TERABYTE.value,
    )
}

/// What a TB costs that lies there.
fn storage() -> String {
    let berth = models::stored(true);
    let [berth, ecr, harbor] =
        [berth, models::stored_on_ecr(), models::stored(false)].map(|bill| dollars(bill.total()));
    let records = models::stored(true).of_service("DynamoDB");
    format!(
        "
| a stored TB, a month | |
|---|--:|
| Berth: S3, and {} for records in DynamoDB | {berth} |
| ECR | {ecr} |
| Harbor: S3 | {harbor} |
",
        dollars(records)
    )
}

/// Whole months, beside others.
fn months(measured: &Measured) -> Result<String> {
    let kinds = Kind::ALL.map(Kind::name).join(" | ");
    let mut text = format!(
        "
| a month | {kinds} | together | by service |
|---|--:|--:|--:|--:|--:|---|
"
    );
    for month in &MONTHS {
        let bills = [
            ("Berth", month.berth(measured)?),
            ("ECR", month.ecr()),
            ("Harbor on EKS", month.harbor(measured)?),
        ];
        for (who, bill) in bills {
            let kinds = Kind::ALL.map(|kind| dollars(bill.of(kind))).join(" | ");
            let (all, services) = (dollars(bill.total()), services(&bill));
            let name = month.name;
            writeln!(text, "| {name}, {who} | {kinds} | {all} | {services} |")?;
        }
    }
    text += "\n";
    for month in &MONTHS {
        text += &description(month);
    }
    text += "Berth runs as two instances on Fargate behind a load balancer. Harbor has a cluster of its own with a managed database and cache and keeps blobs on S3; on a cluster that is there already EKS is paid for. ECR asks for storage alone.\n";
    Ok(text)
}

fn description(month: &Month) -> String {
    let internet = dollars(prices::TRANSFER_INTERNET.of(month.read()));
    format!(
        "{}: {} TB stored, {} pulls, {} of them fetched by a cache, {} pushes; if every pull came from the internet, {internet} more for each. ",
        month.name,
        month.terabytes,
        grouped(month.pulls),
        grouped(month.misses),
        grouped(month.pushes),
    )
}

/// The services of a bill, the dearest first.
fn services(bill: &Bill) -> String {
    let mut services: Vec<_> = bill
        .services()
        .into_iter()
        .map(|service| (service, bill.of_service(service)))
        .filter(|(_, dollars)| *dollars > 0.0)
        .collect();
    services.sort_by(|one, other| other.1.total_cmp(&one.1));
    let services = services
        .iter()
        .map(|(service, cost)| format!("{service} {}", dollars(*cost)));
    services.collect::<Vec<_>>().join(", ")
}

/// Every price.
pub(crate) fn prices() -> Result<String> {
    let mut text = "
| price | unit | dollars | source | written down |
|---|---|--:|---|---|
"
    .to_owned();
    for price in prices::ALL {
        let source = match price.source {
            Source::Noted => "noted, to be checked",
            Source::Assumed => "assumed",
        };
        let unit = match price.per {
            1.0 => price.unit.to_owned(),
            per => format!("{} {}s", grouped(per), price.unit),
        };
        let (name, dollars, known) = (price.name, price.dollars, price.known);
        writeln!(text, "| {name} | {unit} | {dollars} | {source} | {known} |")?;
    }
    Ok(text)
}

/// Every assumption.
pub(crate) fn assumptions() -> Result<String> {
    let mut text = "\n| assumed | |\n|---|--:|\n".to_owned();
    for assumption in assumed::ALL {
        writeln!(text, "| {} | {} |", assumption.name, assumption.value)?;
    }
    Ok(text)
}

/// An amount as people write it: cents where they matter.
fn dollars(amount: f64) -> String {
    if amount == 0.0 {
        "$0".to_owned()
    } else if amount < 0.005 {
        "under 1 cent".to_owned()
    } else if amount < 100.0 {
        format!("${amount:.2}")
    } else {
        format!("${}", grouped(amount.round()))
    }
}

/// A whole number with commas.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_people_do() {
        let written = [0.0, 0.001, 1.005, 99.994, 100.4, 12_345.6].map(dollars);
        assert_eq!(
            written,
            ["$0", "under 1 cent", "$1.00", "$99.99", "$100", "$12,346"]
        );
        assert_eq!(grouped(MILLION), "1,000,000");
        assert_eq!(grouped(100.0), "100");
    }

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let document = "# A\n\n## What it costs\n\ntext\n\n## B\n";
        assert_eq!(
            &document[place(document).unwrap()],
            "## What it costs\n\ntext\n"
        );
        let last = "## What it costs\n\ntext\n";
        assert_eq!(&last[place(last).unwrap()], last);
        assert!(place("# A\n").is_err());
    }
}
