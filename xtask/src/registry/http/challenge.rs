//! `WWW-Authenticate` (RFC 9110, section 11.6.1).

/// How a registry wants its requests to be authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// With user and password (RFC 7617).
    Basic,
    /// With a token from `realm` (distribution specification, token authentication).
    Bearer {
        /// The URL that gives tokens.
        realm: String,
        /// What the token is for, as the registry names itself.
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenge to answer among those of the header's `values`: a token
    /// where one is offered, else user and password.
    pub fn choose<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let offers: Vec<Offer<'_>> = values.into_iter().flat_map(offers).collect();
        let bearer = offers.iter().find_map(Offer::bearer);
        bearer.or_else(|| {
            offers
                .iter()
                .any(|offer| offer.is("basic"))
                .then_some(Self::Basic)
        })
    }
}

struct Offer<'a> {
    scheme: &'a str,
    parameters: Vec<(&'a str, String)>,
}

impl Offer<'_> {
    fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let found = self
            .parameters
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    fn bearer(&self) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: self
                .is("bearer")
                .then(|| self.parameter("realm"))
                .flatten()?,
            service: self.parameter("service"),
        })
    }
}

/// Splits a header's value into its challenges. What does not follow the
/// grammar ends the reading; what was read until there counts.
fn offers(value: &str) -> Vec<Offer<'_>> {
    let mut offers: Vec<Offer<'_>> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        let (token, behind) = rest.split_at(end);
        if token.is_empty() {
            return offers;
        }
        match (behind.trim_start().strip_prefix('='), offers.last_mut()) {
            (Some(text), Some(offer)) => {
                let Some((content, behind)) = parameter_value(text.trim_start()) else {
                    return offers;
                };
                offer.parameters.push((token, content));
                rest = behind;
            }
            (Some(_), None) => return offers,
            (None, _) => {
                offers.push(Offer {
                    scheme: token,
                    parameters: Vec::new(),
                });
                rest = behind;
            }
        }
    }
}

fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !is_token(c)).unwrap_or(text.len());
        let (token, behind) = text.split_at(end);
        return Some((token.to_owned(), behind));
    };
    let mut content = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            '"' => return Some((content, &quoted[index + 1..])),
            '\\' => content.push(characters.next()?.1),
            _ => content.push(c),
        }
    }
    None
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
        })
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let value =
            r#"Basic realm="x", Bearer realm="https://a/t?x=1,2",service="s \"q\"" , scope="y""#;
        assert_eq!(
            Challenge::choose([value]),
            bearer("https://a/t?x=1,2", Some("s \"q\""))
        );
        assert_eq!(
            Challenge::choose(["Basic realm=x", "bearer realm=r"]),
            bearer("r", None)
        );
    }

    #[test]
    fn malformed_challenges_are_none() {
        for value in [
            "",
            "=",
            "Bearer",
            "Bearer service=\"x\"",
            "Bearer realm=\"x",
            ",,,",
            "realm=\"x\"",
            "\u{e9}",
        ] {
            assert_eq!(Challenge::choose([value]), None, "{value}");
        }
        assert_eq!(Challenge::choose(["Basic"]), Some(Challenge::Basic));
    }
}
