//! `imagedefinitions.json` for the ECS deploy action
//! (AWS CodePipeline User Guide, "Image definitions file reference").

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition<'a> {
    name: &'a str,
    image_uri: &'a str,
}

/// The file's bytes for one container: no space and no newline, as the article's
/// `printf` writes it.
pub fn image_definitions(container: &str, image_uri: &str) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&[Definition {
        name: container,
        image_uri,
    }])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bytes_are_those_of_the_articles_printf() {
        let bytes = super::image_definitions(
            "mynavi-sample-continuous-delivery-backend-production",
            "debugroom/mynavi-sample-backend:1.0.RELEASE",
        );
        assert_eq!(
            String::from_utf8(bytes.unwrap()).unwrap(),
            r#"[{"name":"mynavi-sample-continuous-delivery-backend-production","imageUri":"debugroom/mynavi-sample-backend:1.0.RELEASE"}]"#,
        );
    }
}
