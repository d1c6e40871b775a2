//! The figures as a picture: bars beside each other for everyone, one group a row.

use std::fmt::Write as _;

use crate::bench::results::{Results, Row, Unit, Who, written};

const WIDTH: f64 = 860.0;
/// Where the names of rows end and bars begin.
const LEFT: f64 = 330.0;
/// How long the longest bar of a group is; its figure stands after it.
const LONGEST: f64 = 360.0;
const BAR: f64 = 13.0;
const GAP: f64 = 12.0;
const TOP: f64 = 74.0;

/// Everyone with the colour of their bars.
const COLOURS: [(Who, &str); 7] = [
    (Who::Berth, "#1f6feb"),
    (Who::Distribution, "#8c8c8c"),
    (Who::Zot, "#b5a16b"),
    (Who::ZotSynced, "#d9cfae"),
    (Who::Nginx, "#cfd8dc"),
    (Who::Direct, "#cfd8dc"),
    (Who::Machine, "#cfd8dc"),
];

/// Draws what Berth can be compared in: rates, and the times of whole images.
pub(crate) fn svg(results: &Results) -> String {
    let mut groups = String::new();
    let mut y = TOP;
    for row in results.rows.iter().filter(|row| is_drawn(row)) {
        y = group(&mut groups, row, y) + GAP;
    }
    let height = y + GAP;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">
<title>Berth beside other registries</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="26" font-size="16" font-weight="600" fill="#1b1f24">Berth beside other registries</text>
{}{groups}</svg>
"##,
        legend()
    )
}

fn is_drawn(row: &Row) -> bool {
    let compared = row.better_peer().is_some() && row.median(Who::Berth).is_some();
    compared
        && matches!(
            row.unit,
            Unit::Requests | Unit::Megabytes | Unit::Milliseconds
        )
        && !row.name.contains(", p")
}

fn legend() -> String {
    let names = [
        (Who::Berth, "Berth"),
        (Who::Distribution, "CNCF distribution"),
        (Who::Zot, "zot"),
        (
            Who::Nginx,
            "nginx with files, the upstream itself, or what the machine allows",
        ),
    ];
    let mut text = String::new();
    let mut x = 16.0;
    for (who, name) in names {
        let colour = colour(who);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            r##"<rect x="{x}" y="40" width="12" height="12" fill="{colour}"/><text x="{}" y="50" fill="#1b1f24">{name}</text>"##,
            x + 17.0
        );
        #[expect(clippy::cast_precision_loss, reason = "the length of a short name")]
        let length = name.len() as f64;
        x += 40.0 + 6.5 * length;
    }
    text
}

/// One row's bars; where they end.
fn group(text: &mut String, row: &Row, top: f64) -> f64 {
    let figures: Vec<_> = COLOURS
        .into_iter()
        .filter_map(|(who, colour)| Some((who, colour, row.median(who)?)))
        .collect();
    let most = figures
        .iter()
        .map(|(_, _, value)| *value)
        .fold(0.0, f64::max);
    let better = if row.unit.is_rate() {
        ""
    } else {
        ", less is better"
    };
    let _ = writeln!(
        text,
        r##"<text x="{}" y="{}" text-anchor="end" fill="#1b1f24">{}<tspan fill="#6b7280">{better}</tspan></text>"##,
        LEFT - 10.0,
        top + BAR - 2.0,
        row.name
    );
    let mut y = top;
    for (who, colour, value) in figures {
        let length = (value / most * LONGEST).max(1.0);
        let _ = writeln!(
            text,
            r##"<rect x="{LEFT}" y="{y}" width="{length:.1}" height="{}" fill="{colour}"/><text x="{:.1}" y="{}" font-size="11" fill="#1b1f24">{} {} {}</text>"##,
            BAR - 2.0,
            LEFT + length + 6.0,
            y + BAR - 3.5,
            written(value),
            row.unit.name(),
            who.name(),
        );
        y += BAR;
    }
    y
}

fn colour(who: Who) -> &'static str {
    let found = COLOURS.iter().find(|(known, _)| *known == who);
    found.map_or("none", |(_, colour)| colour)
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::bench::results::{Results, Unit, Who};

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let mut results = Results::default();
        results.add("blob", Unit::Megabytes, Who::Berth, 100.0);
        results.add("blob", Unit::Megabytes, Who::Zot, 50.0);
        let picture = svg(&results);
        assert!(picture.contains(r#"width="360.0""#), "{picture}");
        assert!(picture.contains(r#"width="180.0""#), "{picture}");
    }

    #[test]
    fn what_has_no_peer_is_not_drawn() {
        let mut results = Results::default();
        results.add("lonely", Unit::Megabytes, Who::Berth, 100.0);
        assert!(!svg(&results).contains("lonely"));
    }
}
