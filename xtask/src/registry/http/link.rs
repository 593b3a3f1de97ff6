//! `Link` (RFC 8288, section 3).

/// The reference of the first link with `rel="next"` among the header's `values`.
pub fn next_link<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    values.into_iter().find_map(|value| {
        let mut rest = value;
        while let Some((reference, parameters, behind)) = link(rest) {
            if is_next(parameters) {
                return Some(reference);
            }
            rest = behind;
        }
        None
    })
}

/// The first link of a value: its reference, its parameters, and what comes after it.
fn link(value: &str) -> Option<(&str, &str, &str)> {
    let value = value.trim_start_matches([' ', '\t', ',']);
    let (reference, rest) = value.strip_prefix('<')?.split_once('>')?;
    let end = end_of_part(rest, ',');
    let (parameters, behind) = rest.split_at(end);
    Some((reference.trim(), parameters, behind))
}

fn is_next(parameters: &str) -> bool {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (parameter, behind) = rest.split_at(end_of_part(rest, ';'));
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.trim().eq_ignore_ascii_case("rel") {
            // Only the first one counts.
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        rest = behind.strip_prefix(';').unwrap_or_default();
    }
    false
}

/// Where the first `separator` outside of quotes stands, else the end.
fn end_of_part(text: &str, separator: char) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.find(|c: char| {
        let ends = c == separator && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        for (value, reference) in [
            (
                r#"</v2/a?n=1&last=b,c;d>; rel="next""#,
                "/v2/a?n=1&last=b,c;d",
            ),
            ("<a>;rel=next", "a"),
            (
                r#"<a>; rel=prev, <b> ; title="x\", <c>; rel=next" ; REL="up NEXT""#,
                "b",
            ),
            (r#", <a>; rel="next""#, "a"),
        ] {
            assert_eq!(next_link([value]), Some(reference), "{value}");
        }
        assert_eq!(next_link(["<a>; rel=prev", "<b>; rel=next"]), Some("b"));
    }

    #[test]
    fn where_there_is_none_it_is_not_found() {
        for value in [
            "",
            "a; rel=next",
            "<a",
            "<a>",
            "<a>; rel",
            "<a>; rel=nextdoor",
            "<a>; rel=prev; rel=next",
            r#"<a>; title="; rel=next"#,
            "<a>; rev=next",
        ] {
            assert_eq!(next_link([value]), None, "{value}");
        }
    }
}
