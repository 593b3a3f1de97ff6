//! Variables in a text, as CodeBuild puts their values into where artifacts are.

use super::is_variable;

/// The text with the value of each `$NAME` and `${NAME}` that has one. Every other `$` stays.
pub(super) fn expand(text: &str, mut value_of: impl FnMut(&str) -> Option<String>) -> String {
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let braced = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (name, rest) = braced.unwrap_or_else(|| {
            let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_';
            part.split_at(part.find(|c| !belongs(c)).unwrap_or(part.len()))
        });
        let name = Some(name).filter(|name| is_variable(name));
        match name.and_then(&mut value_of) {
            Some(value) => {
                expanded += &value;
                expanded += rest;
            }
            None => {
                expanded.push('$');
                expanded += part;
            }
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn what_is_no_variable_stays() {
        let value = |name: &str| (name != "UNSET").then(|| name.to_lowercase());
        assert_eq!(expand("$A/${B_1}c$D-$E", value), "a/b_1cd-e");
        for same in [
            "",
            "a",
            "a/$UNSET/${UNSET}",
            "a$",
            "$1",
            "${A",
            "$(date)",
            "${A-b}",
            "$/$",
        ] {
            assert_eq!(expand(same, value), same);
        }
    }
}
