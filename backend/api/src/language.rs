//! The language that messages are in.

/// A language that there are messages in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Language {
    /// Also for whoever asks for nothing that there is.
    #[default]
    English,
    /// 日本語
    Japanese,
}

impl Language {
    /// The language that the value of an `Accept-Language` header likes best, where there is one. What is malformed is
    /// passed over: a message in the wrong language is better than none.
    pub fn preferred(accept_language: Option<&[u8]>) -> Self {
        let accept_language = accept_language
            .and_then(|value| str::from_utf8(value).ok())
            .unwrap_or_default();
        let mut best = (0.0, Self::default());
        for (quality, language) in accept_language.split(',').filter_map(accepted) {
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// The tag for `Content-Language` and the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
        }
    }

    /// The one of two texts that is in this language.
    pub fn choose<T>(self, english: T, japanese: T) -> T {
        match self {
            Self::English => english,
            Self::Japanese => japanese,
        }
    }
}

fn accepted(range: &str) -> Option<(f32, Language)> {
    let mut parts = range.split(';').map(str::trim);
    let language = match parts
        .next()?
        .split('-')
        .next()?
        .to_ascii_lowercase()
        .as_str()
    {
        "en" | "*" => Language::English,
        "ja" => Language::Japanese,
        _ => return None,
    };
    let quality = match parts.find_map(|parameter| parameter.strip_prefix("q=")) {
        Some(quality) => quality
            .parse()
            .ok()
            .filter(|quality| (0.0..=1.0).contains(quality))?,
        None => 1.0,
    };
    Some((quality, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_quality_wins_and_nonsense_is_passed_over() {
        for (header, language) in [
            ("", Language::English),
            ("ja", Language::Japanese),
            ("ja-JP,en;q=0.5", Language::Japanese),
            ("en;q=0.4, ja;q=0.8", Language::Japanese),
            ("JA", Language::Japanese),
            ("fr, ja;q=0.1", Language::Japanese),
            ("fr", Language::English),
            ("*", Language::English),
            ("en, ja", Language::English),
            ("ja;q=0", Language::English),
            ("ja;q=NaN", Language::English),
            ("ja;q=9", Language::English),
            (";;;,,,q=1;-", Language::English),
        ] {
            let preferred = Language::preferred(Some(header.as_bytes()));
            assert_eq!(preferred, language, "{header}");
        }
    }

    #[test]
    fn without_a_readable_header_it_is_english() {
        for header in [None, Some(&b"ja\xff"[..])] {
            assert_eq!(Language::preferred(header), Language::English);
        }
    }
}
