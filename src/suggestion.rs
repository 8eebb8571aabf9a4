//! The name that was probably meant.

/// The candidate that is nearest to `word`, if one is near enough.
///
/// Distance counts insertions, deletions, substitutions and transpositions of neighbours. Of equals, one that
/// needs only a transposition is preferred, then one of the same length, then the first.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    let most = match word.len() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    let mut best: Option<((usize, bool, bool), &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().take(64).collect();
        let distance = distance(&word, &letters);
        if distance > most || distance >= word.len().max(letters.len()) {
            continue;
        }
        let mut sorted = [word.clone(), letters.clone()];
        sorted.iter_mut().for_each(|s| s.sort_unstable());
        let rank = (distance, sorted[0] != sorted[1], word.len() != letters.len());
        if best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The Damerau-Levenshtein distance (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn prefers_transpositions_then_equal_length() {
        let near = |word, candidates: &[&'static str]| nearest(word, candidates.iter().copied());
        assert_eq!(near("sqtr", &["sqr", "sqrt"]), Some("sqrt"));
        assert_eq!(near("gama", &["alpha", "gamma"]), Some("gamma"));
        assert_eq!(near("xyz", &["alpha", "gamma"]), None);
        assert_eq!(near("q", &["p"]), None);
        assert_eq!(near("lgo", &["log", "lg"]), Some("log"));
    }
}
