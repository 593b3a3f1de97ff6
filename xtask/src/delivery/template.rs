//! Templates: text with `<<name>>` where a value goes.

/// The template with every `<<name>>` replaced by its value. A name without a
/// value stays as it is, for the tests to find.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, name, after)) = next(rest) {
        text.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => text.push_str(value),
            None => text.push_str(&format!("<<{name}>>")),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// What stands before the next placeholder, its name, and what stands after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("<<")?;
    let (name, after) = rest.split_once(">>")?;
    Some((before, name, after))
}

/// `backend-for-frontend` as `BackendForFrontend`: what a template may call a resource.
pub(super) fn logical_id(package: &str) -> String {
    let words = package.split(|c: char| !c.is_ascii_alphanumeric());
    words.flat_map(capitalized).collect()
}

fn capitalized(word: &str) -> impl Iterator<Item = char> {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_their_names_are() {
        let text = fill("a <<b>> <<c>> ${d} <<b>>", &[("b", "<<c>>"), ("c", "2")]);
        assert_eq!(text, "a <<c>> 2 ${d} <<c>>");
        assert_eq!(fill("<<unknown>>", &[]), "<<unknown>>");
    }

    #[test]
    fn resources_are_named_in_capitals() {
        assert_eq!(logical_id("backend-for-frontend"), "BackendForFrontend");
        assert_eq!(logical_id("a_1"), "A1");
    }
}
