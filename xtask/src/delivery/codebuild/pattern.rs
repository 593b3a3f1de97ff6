//! Patterns of files: `*` and `?` within a folder, `**` across folders.

/// Whether a path with `/` fits the pattern.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<_> = pattern.trim_start_matches("./").split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    let folder_fits = |pattern: &&str, name: &&str| name_fits(pattern.as_bytes(), name.as_bytes());
    all_fit(&pattern, &path, |pattern| *pattern == "**", folder_fits)
}

fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let letter_fits = |wanted: &u8, letter: &u8| *wanted == b'?' || wanted == letter;
    all_fit(pattern, name, |wanted| *wanted == b'*', letter_fits)
}

/// Whether the items fit the patterns one by one; a star takes any number of them.
/// Only the last star is ever tried anew: what fits after an earlier one fits
/// later as well, and trying them all would take for ever.
fn all_fit<P, T>(
    patterns: &[P],
    items: &[T],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut pattern, mut item) = (0, 0);
    let mut last_star = None;
    while item < items.len() {
        match patterns.get(pattern) {
            Some(star) if is_star(star) => {
                pattern += 1;
                last_star = Some((pattern, item));
            }
            Some(wanted) if fits(wanted, &items[item]) => {
                pattern += 1;
                item += 1;
            }
            _ => {
                let Some((behind, taken)) = last_star else {
                    return false;
                };
                (pattern, item) = (behind, taken + 1);
                last_star = Some((behind, item));
            }
        }
    }
    patterns[pattern..].iter().all(is_star)
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
            ("a*b*c", "abxbxc"),
            ("**/a/**/*.txt", "x/a/y/a/z.txt"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*", "a/b"),
            ("*.json", "a.jso"),
            ("a/**", "b/a"),
            ("a", "ab"),
            ("a*b*c", "abxbx"),
            ("**/a/*/c", "a/b/b/c"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let name = "a".repeat(200);
        assert!(!fits(&format!("{}b", "*a".repeat(60)), &name));
        let path = "a/".repeat(200);
        assert!(!fits(&format!("{}b", "**/a/".repeat(60)), &path));
    }
}
