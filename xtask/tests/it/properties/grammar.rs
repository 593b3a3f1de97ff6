//! The grammar of the OCI distribution specification ("Pulling manifests"), letter
//! by letter and without the tool: what its parsers are compared with, here and in `fuzz/`.

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, at most
/// 255 letters.
pub(crate) fn is_name(text: &str) -> bool {
    let joins =
        |joint: &str| ["", "/", ".", "_", "__"].contains(&joint) || joint.chars().all(|c| c == '-');
    // What stands since the last letter or digit; each part begins as after a slash.
    let mut joint = "/".to_owned();
    for letter in text.chars() {
        if !matches!(letter, 'a'..='z' | '0'..='9') {
            joint.push(letter);
        } else if joins(&joint) {
            joint.clear();
        } else {
            return false;
        }
    }
    joint.is_empty() && text.len() <= 255
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
pub(crate) fn is_tag(text: &str) -> bool {
    let word = |c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_');
    let rest = text.strip_prefix(word);
    rest.is_some_and(|rest| rest.len() < 128 && rest.chars().all(|c| word(c) || ".-".contains(c)))
}

/// `sha256:[a-f0-9]{64}`
pub(crate) fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| "0123456789abcdef".contains(c)))
}
