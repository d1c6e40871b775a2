//! The known word that is spelt most like an unknown one.

/// The nearest of `known`, if any is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &&str| distance(word, candidate) <= 1 + candidate.len() / 3;
    known
        .filter(near)
        .min_by_key(|candidate| distance(word, candidate))
}

/// How many bytes have to be put in, taken out or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, cell) in other.bytes().zip(&mut row[1..]) {
            let substituted = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = substituted.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        row[0] = i + 1;
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("listen", "listn", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn what_is_too_far_is_not_suggested() {
        let known = ["listen", "data"];
        assert_eq!(nearest("lsten", known.into_iter()), Some("listen"));
        assert_eq!(nearest("dat", known.into_iter()), Some("data"));
        assert_eq!(nearest("something", known.into_iter()), None);
    }
}
