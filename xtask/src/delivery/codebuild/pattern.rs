//! Patterns of files: `*` and `?` within a folder, `**` across folders.

/// Whether a path with `/` fits the pattern.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<_> = pattern.trim_start_matches("./").split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    folders_fit(&pattern, &path)
}

fn folders_fit(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            (0..=path.len()).any(|skipped| folders_fit(rest, &path[skipped..]))
        }
        (Some((pattern, patterns)), Some((name, names))) => {
            name_fits(pattern.as_bytes(), name.as_bytes()) && folders_fit(patterns, names)
        }
        _ => false,
    }
}

fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            (0..=name.len()).any(|skipped| name_fits(rest, &name[skipped..]))
        }
        (Some((b'?', patterns)), Some((_, names))) => name_fits(patterns, names),
        (Some((wanted, patterns)), Some((letter, names))) => {
            wanted == letter && name_fits(patterns, names)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stay_in_their_folder_unless_they_are_two() {
        for (pattern, path) in [
            ("**/*", "a"),
            ("**/*", "a/b/c.txt"),
            ("*.json", "a.json"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/b/b/c"),
            ("./a?.txt", "ab.txt"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*", "a/b"),
            ("*.json", "a.jso"),
            ("a/**", "b/a"),
            ("a", "ab"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
