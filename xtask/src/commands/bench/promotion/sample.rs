//! A workspace of services that are nothing but their image.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::commands::Context;
use crate::files;
use crate::oci::{Descriptor, Digest, Manifest, MediaType, RepositoryName, Target};
use crate::parallel;
use crate::parameters::FILE;
use crate::registry::{Access, Repository};
use crate::workspace::{Environment, Service, Workspace};

/// How many repositories are filled at once.
const AT_ONCE: usize = 8;

/// The content of the image's one layer, and of its configuration.
const LAYER: &[u8] = b"a layer";
const CONFIGURATION: &[u8] = b"{}";

pub(super) struct Sample {
    /// The names of the services, which are their repositories as well.
    pub(super) names: Vec<String>,
    image: Manifest,
}

impl Sample {
    /// That many services with the same image.
    pub(super) fn new(count: usize) -> Result<Self> {
        let layer = blob("application/vnd.oci.image.layer.v1.tar", LAYER);
        let configuration = blob("application/vnd.oci.image.config.v1+json", CONFIGURATION);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OciManifest.name(),
            "config": configuration,
            "layers": [layer],
        });
        Ok(Self {
            names: (1..=count)
                .map(|number| format!("service-{number:04}"))
                .collect(),
            image: Manifest::parse(manifest.to_string().into_bytes(), None)?,
        })
    }

    /// Puts the image into every repository of the registry at `port`.
    pub(super) fn push(&self, context: &Context, port: u16) -> Result<()> {
        let pushed = parallel::map(&self.names, AT_ONCE, |name| {
            let name: RepositoryName = repository(port, name).parse()?;
            self.push_to(&*context.registries.open(&name, Access::Push))
        });
        pushed.into_iter().collect()
    }

    fn push_to(&self, repository: &dyn Repository) -> Result<()> {
        for (media_type, content) in [("layer", LAYER), ("configuration", CONFIGURATION)] {
            repository.write_blob(&blob(media_type, content), &content)?;
        }
        repository.put_manifest(&Target::Digest(self.image.digest()), &self.image)
    }

    /// Writes a workspace whose services are in the registry at `port`.
    pub(super) fn write(&self, folder: &Path, port: u16) -> Result<()> {
        let write =
            |path: String, text: String| files::write_output(&folder.join(path), text.as_bytes());
        let members = self.names.iter().map(|name| format!("{name:?}"));
        let members = members.collect::<Vec<_>>().join(", ");
        write(
            "Cargo.toml".into(),
            format!(
                "[workspace]\nmembers = [{members}]\n[workspace.metadata.delivery]\nname = \"bench\"\ntarget = \"x86_64-unknown-linux-gnu\"\n"
            ),
        )?;
        self.names.iter().try_for_each(|name| {
            write(format!("{name}/Cargo.toml"), format!("[package]\nname = {name:?}\n[package.metadata.service]\nport = 8080\ncontext-path = \"/{name}\"\n"))
        })
        .context("writing the sample")?;
        let services = Workspace::containing(folder)?.services;
        write(FILE.into(), self.parameters(&services, port))
    }

    fn parameters(&self, services: &[Service], port: u16) -> String {
        let digest = self.image.digest().to_string();
        services.iter().fold(String::new(), |mut text, service| {
            let [staging, production] = Environment::ALL.map(|to| service.tag_parameter(to));
            for (parameter, value) in [
                (
                    service.repository_parameter(Environment::Staging),
                    repository(port, &service.package).as_str(),
                ),
                (staging, "1.0.SNAPSHOT"),
                (production, "1.0.RELEASE"),
                (service.tested_digest_parameter(), &digest),
            ] {
                // Writing to a `String` cannot fail.
                let _ = writeln!(
                    text,
                    "{parameter} = {{ description = \"sample\", local = {value:?} }}"
                );
            }
            text
        })
    }
}

fn blob(media_type: &str, content: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(content), content.len() as u64)
}

fn repository(port: u16, name: &str) -> String {
    format!("127.0.0.1:{port}/{name}")
}
