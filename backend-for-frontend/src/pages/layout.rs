//! What all pages have in common.

use backend_api::Language;
use maud::{DOCTYPE, Markup, html};

use crate::app::BASE;
use crate::assets;

/// A whole page.
pub(super) fn page(language: Language, title: &str, content: &Markup) -> Markup {
    let mark = format!("{:x}", assets::MARK);
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ (BASE) "/assets/style.css?" (mark) };
                script src={ (BASE) "/assets/portal.js?" (mark) } defer {}
            }
            body {
                a.skip href="#main" { (language.choose("Skip to the content", "本文へスキップ")) }
                header { a href={ (BASE) "/portal" } { (language.choose("Users portal", "ユーザーポータル")) } }
                main id="main" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}
